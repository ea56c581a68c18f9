/** `byz explain` on networks of real processes: in each failure it names who is missing, and for what. The cases build on each other's network. */
import { spawnSync } from "node:child_process";
import { cpSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ExplainAnswer } from "../../src/client/operate-answers.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { run } from "../cli/harness.ts";
import { startLoad, type Load } from "./support/load.ts";
import { networkFolder, primaryAsSeenBy, startNetwork, temporaryFolder } from "./support/network.ts";
import { eventually } from "./support/wait.ts";

const dir = networkFolder();
const spare = temporaryFolder();
let testnet: Testnet;
let load: Load;
beforeAll(async () => {
  testnet = await startNetwork(dir, {});
  load = await startLoad(testnet, 4);
});
afterAll(() => load.stop());
/** Also after a case that failed, so that the next one tells of itself. */
afterEach(async () => {
  await testnet.heal();
  await Promise.all(
    testnet.state().nodes.map(async ({ index }) => {
      if (testnet.processState(index) === "gone") await testnet.restart(index);
      if (testnet.processState(index) === "paused") await testnet.resume(index);
    }),
  );
  await testnet.ready();
});

/** What the command says, as JSON and to people. */
const explained = async (index: number): Promise<ExplainAnswer & { readonly text: string }> => {
  const args = ["explain", "--api", testnet.node(index).api];
  const [json, text] = [await run([...args, "--json"]), await run(args)];
  expect([json.status, text.status]).toEqual([0, 0]);
  return { ...(JSON.parse(json.stdout) as ExplainAnswer), text: text.stdout };
};

/** Waits until the explanation of a node holds. */
const until = (what: string, index: number, holds: (answer: ExplainAnswer & { readonly text: string }) => boolean, limitMs = 20_000) =>
  eventually(what, limitMs, async () => {
    const answer = await explained(index);
    if (holds(answer)) return answer;
    throw new Error(answer.text);
  });

const nameOf = (index: number): RegExp => new RegExp(`node-${index} \\(${index}\\)`);
/** These are out of reach, and nobody else is. */
const misses = ({ validators }: ExplainAnswer, indexes: readonly number[]): boolean =>
  validators.every(({ index, reachable }) => reachable !== indexes.includes(index));
const says = ({ summary }: ExplainAnswer, ...words: readonly RegExp[]): boolean =>
  words.every((word) => summary.some((line) => word.test(line)));

/** A disk of a few MiB, on which the node keeps its data; undefined where one may not mount. */
const tinyDisk = (index: number): { fill(): void; makeRoom(): void; remove(): void } | undefined => {
  const data = join(testnet.node(index).home, "data");
  const copy = join(spare, `data-${index}`);
  const filler = (part: number): string => join(data, `filler-${part}`);
  let parts = 0;
  cpSync(data, copy, { recursive: true });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", data]).status === 0;
  if (!mounted) return undefined;
  cpSync(copy, data, { recursive: true });
  const makeRoom = (): void => {
    for (; parts > 0; parts -= 1) rmSync(filler(parts), { force: true });
  };
  return {
    fill() {
      // to the last page: what is free is asked again after each write, of which the node may take some meanwhile
      while (statfsSync(data).bavail > 0) {
        const { bavail, bsize } = statfsSync(data);
        parts += 1;
        try {
          writeFileSync(filler(parts), Buffer.alloc(bavail * bsize));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
      }
    },
    makeRoom,
    /** What the stopped node has is on its own disk afterwards. */
    remove() {
      makeRoom();
      rmSync(copy, { recursive: true });
      cpSync(data, copy, { recursive: true });
      spawnSync("umount", ["-l", data]);
      rmSync(data, { recursive: true });
      cpSync(copy, data, { recursive: true });
    },
  };
};

describe("explain names", () => {
  it("the primary that was killed, as the one that is waited for or out of reach, until the next one goes on", async () => {
    const primary = await primaryAsSeenBy(testnet, 0);
    const other = (primary + 1) % 4;
    await testnet.kill(primary);
    // while the others commit, it may be named for a vote that is on its way
    await until("the primary is missed", other, (answer) => says(answer, nameOf(primary)) && misses(answer, [primary]));
    await load.more(20);
    const after = await until(
      "it goes on without",
      other,
      (answer) => answer.committing && says(answer, /^out of reach: /, nameOf(primary)),
    );
    expect(after.view.number).toBeGreaterThan(0);
  });

  it("one that was paused, while the others commit without its votes", async () => {
    const primary = await primaryAsSeenBy(testnet, 0);
    const paused = (primary + 1) % 4;
    await testnet.pause(paused);
    const answer = await until("it is missed", primary, (told) => told.committing && misses(told, [paused]));
    expect(answer.summary).toContain(`out of reach: node-${paused} (${paused})`);
    await load.more(20);
  });

  it("f+1 that were killed, and the votes that the proposed sequence lacks of them", async () => {
    const primary = await primaryAsSeenBy(testnet, 0);
    const [alive, ...killed] = [1, 2, 3].map((step) => (primary + step) % 4) as [number, number, number];
    await load.more(20);
    await testnet.kill(killed[0] as number);
    // the second one stands still first: what the clients send meanwhile is proposed, and nobody refuses them yet
    await testnet.pause(killed[1] as number);
    // one that still does when it was asked twice: what was under way has arrived
    let asked: number | undefined;
    await eventually("a proposal lacks votes", 20_000, async () => {
      const { next } = await testnet.client(primary).explain();
      const before = asked;
      asked = next.proposed ? next.sequence : undefined;
      return asked !== undefined && asked === before ? true : undefined;
    });
    await testnet.kill(killed[1] as number);
    // the other one may miss both first, and say so: that makes no quorum either
    const answer = await until(
      "both are missed",
      primary,
      (told) => told.blocked?.reason === "no_quorum" && told.next.proposed && misses(told, killed),
    );
    expect(answer.committing).toBe(false);
    expect(answer.text).toMatch(/^not committing, since .+ \(no_quorum\)$/m);
    expect(answer.summary[0]).toBe("this node reaches 2 of 4 validators, itself included, and 3 are needed");
    expect(answer.summary[1]).toBe(`sequence ${answer.next.sequence} is proposed and lacks votes: 3 must commit`);
    for (const index of killed) {
      // it may have voted for it before it was killed
      const { prepared = false, committed = false } = answer.validators[index] ?? {};
      if (!prepared) expect(answer.summary[2]).toMatch(new RegExp(`not prepared: [^;]*${nameOf(index).source}.*; `));
      if (!committed) expect(answer.summary[2]).toMatch(new RegExp(`not committed: .*${nameOf(index).source}`));
      expect(answer.summary.at(-1)).toMatch(nameOf(index));
    }
    expect(killed.filter((index) => answer.validators[index]?.committed !== true)).not.toEqual([]);
    expect(answer.summary.at(-1)).not.toMatch(nameOf(alive));
    expect(answer.blocked?.waitingFor.toSorted()).toEqual(killed.map((index) => testnet.node(index).peerId).toSorted());
    expect(await testnet.client(primary).metrics()).toContain('byz_blocked{reason="no_quorum"} 1\n');
  });

  it("all the others, to the one that is cut off from them, and that one to them", async () => {
    await testnet.partition([[0], [1, 2, 3]]);
    const alone = await until("it is alone", 0, (answer) => answer.blocked?.reason === "no_quorum" && misses(answer, [1, 2, 3]));
    expect(alone.summary[0]).toMatch(/^this node reaches 1 of 4/);
    expect(alone.summary.at(-1)).toBe("out of reach: node-1 (1), node-2 (2), node-3 (3)");
    await until("the others miss it", 1, (answer) => answer.committing && says(answer, /^out of reach: node-0 \(0\)$/));
  });

  it("the one whose disk is full: it stops and says so, and the others tell who is missing (skipped where one may not mount)", async ({
    skip,
  }) => {
    const [full, other] = [3, 2];
    await testnet.kill(full);
    const disk = tinyDisk(full);
    if (disk === undefined) return skip();
    try {
      await testnet.restart(full);
      await testnet.ready();
      disk.fill();
      await eventually("it stops", 30_000, () => (testnet.processState(full) === "gone" ? true : undefined));
      expect(testnet.logs(full)).toMatch(/byz: the node stopped: .*[Nn]o space left.*; make room and start it again/);
      await until("it is missed", 0, (answer) => says(answer, /^out of reach: node-3 \(3\)$/));
      // the same, where its votes would be needed
      await testnet.pause(other);
      const bothMissed = /^out of reach: node-2 \(2\), node-3 \(3\)$/;
      // the other one may miss it first, and say so: that makes no quorum either
      await until("both are missed", 0, (answer) => answer.blocked?.reason === "no_quorum" && says(answer, bothMissed));
      // its last words hold: nothing that it said is lost
      disk.makeRoom();
      await testnet.restart(full);
      await load.more(20);
    } finally {
      await testnet.resume(other);
      if (testnet.processState(full) !== "gone") await testnet.kill(full);
      disk.remove();
    }
  });
});
