/**
 * What cheats cost: seven real validators, two of which cheat in each way in turn. One of them is brought into the primary's seat first. Once both have
 * lost it, if they do, windows in which they cheat are measured, each between two in which all are honest.
 *
 *     npm run bench -- adversaries            all behaviours
 *     node test/bench/adversaries.ts [--seconds 4] [--rounds 2] [--settle 6] [--clients 32] [--json] [BEHAVIOUR]...
 *
 * Beside the ratio: CPU of the honest nodes for each request, as cheats share this machine's cores with them; how many primaries it took, the longest time
 * without an answer, and what honest nodes counted against the cheats.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { actNames } from "../../src/adversaries/cast.ts";
import { startLoad } from "../../src/cli/bench/load-process.ts";
import { usageOf } from "../../src/cli/bench/usage.ts";
import { Testnet } from "../../src/testnet/index.ts";
import { assertLogsEqual, primaryAsSeenBy, seatPrimary } from "../../src/cli/validate/logs.ts";
import { judgeWitnesses } from "../../src/cli/validate/judge.ts";
import { startWitnesses } from "../../src/cli/validate/witnesses.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
    settle: { type: "string", default: "6" },
    clients: { type: "string", default: "32" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
/** how long cheats are waited for to lose the primary's seat */
const settleMs = Number(values.settle) * 1_000;
const clients = Number(values.clients);
// `flood` last: nobody talks to those for a while after it
const all = [...actNames.filter((name) => name !== "honest" && name !== "flood" && !name.includes("=")), "flood"];
const wanted = positionals.length > 0 ? positionals : all;

/** neighbours: when one loses the primary's seat, the other one gets it */
const cheats = [1, 2];
const honest = [0, 3, 4, 5, 6];
/** what an honest node counts that no honest peer causes much of */
const telling =
  /^byz_(?:messages_refused|messages_malformed|messages_dropped|rejections|evidence|network_\w*(?:blame|flood|drop)\w*)_total\{/;
const usual = /outside-window|already-pending|old-view|duplicate|wrong-primary/;

/** What was done in a window, and what it took. */
interface Window {
  /** requests a second */
  readonly rate: number;
  /** CPU of the honest nodes for each request, milliseconds */
  readonly cpuMs: number;
  /** CPU of the cheats in each second, milliseconds */
  readonly cheatsCpuMs: number;
}

interface Row {
  readonly behaviour: string;
  readonly honest: Window;
  readonly cheated: Window;
  readonly ratio: number;
  /** cheats that sat in the primary's seat meanwhile */
  readonly seats: number;
  readonly settledMs: number;
  readonly longestGapMs: number;
  readonly counted: readonly string[];
}

const countersOf = async (testnet: Testnet): Promise<Map<string, number>> => {
  const sums = new Map<string, number>();
  for (const index of honest) {
    for (const line of (await testnet.client(index).metrics()).split("\n")) {
      if (!telling.test(line)) continue;
      const at = line.lastIndexOf(" ");
      const name = line.slice(0, at).replace(/^byz_/, "").replace("_total", "");
      sums.set(name, (sums.get(name) ?? 0) + Number(line.slice(at + 1)));
    }
  }
  return sums;
};

const grown = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] =>
  [...after]
    .map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .toSorted((a, b) => b[1] - a[1])
    .map(([name, more]) => `${name} ${more}`);

const meanOf = (windows: readonly Window[]): Window => {
  const mean = (of: (window: Window) => number): number => windows.reduce((sum, each) => sum + of(each), 0) / windows.length;
  return { rate: mean(({ rate }) => rate), cpuMs: mean(({ cpuMs }) => cpuMs), cheatsCpuMs: mean(({ cheatsCpuMs }) => cheatsCpuMs) };
};
const ratesOf = (windows: readonly Window[]): string => windows.map(({ rate }) => rate.toFixed(0)).join(", ");

const dir = mkdtempSync(join(tmpdir(), "byz-cheats-"));
const load = startLoad(new AbortController().signal);
const testnet = await Testnet.up({
  dir,
  nodes: 7,
  config: { log: { level: "warn" } },
  parameters: { checkpointInterval: 64 },
  progress: (text) => console.error(text),
});

// what is measured so far has been told
process.once("SIGTERM", () => {
  load.stop();
  void testnet.down({ purge: true }).finally(() => process.exit(143));
});

try {
  const { genesisHash } = await testnet.client(0).status();
  const urls = honest.map((index) => testnet.node(index).api);
  const usage = usageOf(testnet.state().nodes);
  const cpuOf = (now: Awaited<ReturnType<typeof usage>>, who: readonly number[]): number =>
    who.reduce((sum, index) => sum + (now[index]?.cpuSeconds ?? 0), 0) * 1_000;
  const measure = async (forSeconds = seconds): Promise<Window> => {
    const before = await usage();
    const result = await load.run({ urls, believed: 3, genesisHash, clients, payload: 128, seconds: forSeconds, operations: 1 });
    const after = await usage();
    return {
      rate: result.committed / result.seconds,
      cpuMs: (cpuOf(after, honest) - cpuOf(before, honest)) / Math.max(1, result.committed),
      cheatsCpuMs: (cpuOf(after, cheats) - cpuOf(before, cheats)) / result.seconds,
    };
  };
  const behave = async (behaviour: string): Promise<void> => {
    await Promise.all(cheats.map((index) => testnet.byzantine(index, behaviour)));
  };

  /** Seats a cheat, then waits until an honest node has been primary for a second under load, or so long. @returns how many cheats sat there, and how long it took */
  const settle = async (
    behaviour: string,
  ): Promise<{ readonly seats: number; readonly settledMs: number; readonly longestGapMs: number }> => {
    const witnesses = startWitnesses(testnet, { verifying: 4, plain: 4, trusted: honest });
    const seats = new Set<number>();
    let began = performance.now();
    let since = began;
    try {
      await seatPrimary(testnet, cheats[0] as number, honest);
      if (behaviour === "flood") await behave(behaviour);
      since = began = performance.now();
      while (performance.now() - began < settleMs) {
        const [view, primary] = [(await testnet.client(0).status()).view, await primaryAsSeenBy(testnet, 0)];
        if (cheats.includes(primary)) {
          seats.add(view);
          since = performance.now();
        } else if (performance.now() - since > 1_000) break;
        await delay(20);
      }
    } finally {
      await witnesses.stop();
    }
    const problems = await judgeWitnesses(testnet, witnesses, honest);
    if (problems.length > 0) throw new Error(`the history is not linearizable:\n${problems.slice(0, 5).join("\n")}`);
    const told = witnesses.calls.flatMap(({ outcome, end }) => (outcome.type === "unknown" || end < began ? [] : [end]));
    const ends = [began, ...told.toSorted((a, b) => a - b)];
    const longestGapMs = Math.max(0, ...ends.slice(1).map((end, at) => end - (ends[at] as number)));
    return { seats: seats.size, settledMs: since - began, longestGapMs };
  };

  const rows: Row[] = [];
  await measure(6);
  let before = await measure();
  for (const behaviour of wanted) {
    const counted = await countersOf(testnet);
    // nobody talks to those who flood: with the primary cut off, too, more than f would be away
    if (behaviour !== "flood") await behave(behaviour);
    const { seats, settledMs, longestGapMs } = await settle(behaviour);
    const honestly = [before];
    const cheating: Window[] = [];
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0) {
        await behave(behaviour);
        // what they are known for is forgotten in the honest time between
        await measure(1.5);
      }
      cheating.push(await measure());
      await behave("honest");
      if (round === rounds - 1) await assertLogsEqual(testnet, honest);
      else await measure(0.5);
      before = await measure();
      honestly.push(before);
    }
    const found = grown(counted, await countersOf(testnet));
    const [base, cheated] = [meanOf(honestly), meanOf(cheating)];
    const row = { behaviour, honest: base, cheated, ratio: cheated.rate / base.rate, seats, settledMs, longestGapMs, counted: found };
    rows.push(row);
    console.error(
      `${behaviour}: ${cheated.rate.toFixed(0)} of ${base.rate.toFixed(0)} requests/s (${row.ratio.toFixed(2)}; ${ratesOf(cheating)} of ${ratesOf(honestly)}), CPU ${cheated.cpuMs.toFixed(2)} of ${base.cpuMs.toFixed(2)} ms, cheats ${cheated.cheatsCpuMs.toFixed(0)} of ${base.cheatsCpuMs.toFixed(0)} ms/s, ${seats} views of cheats, settled after ${settledMs.toFixed(0)} ms, gap ${longestGapMs.toFixed(0)} ms`,
    );
    console.error(
      `   ${found
        .filter((each) => !usual.test(each))
        .slice(0, 6)
        .join("; ")}`,
    );
  }
  if (values.json) console.log(JSON.stringify(rows));
  else
    for (const { behaviour, ratio, honest: base, cheated, seats, settledMs, longestGapMs, counted } of rows)
      console.log(
        `| \`${behaviour}\` | ${ratio.toFixed(2)} | ${(cheated.cpuMs / base.cpuMs).toFixed(2)} | ${seats} | ${(settledMs / 1000).toFixed(1)} s | ${(longestGapMs / 1000).toFixed(1)} s | ${counted
          .filter((each) => !usual.test(each))
          .slice(0, 4)
          .join("; ")} |`,
      );
} finally {
  load.stop();
  await testnet.down({ purge: true });
  rmSync(dir, { recursive: true, force: true });
}
