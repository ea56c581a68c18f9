/** Networks of real processes: how they find each other, and how they notice and survive each other's deaths. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { PeerName } from "../../src/protocol/ids.ts";
import { createCleanup, names, ownTime, patient, startChild, temporaryDirectory, until } from "./support.ts";
import type { Child, ChildOptions } from "./support.ts";

const cleanup = createCleanup();
afterEach(() => cleanup.run());

const startMesh = async (
  validators: readonly PeerName[],
  directories: readonly string[] = [],
  limits: ChildOptions["limits"] = patient,
): Promise<Child[]> => {
  const directory = (index: number): Pick<ChildOptions, "dataDirectory" | "limits"> => {
    const path = directories[index];
    return path === undefined ? { limits } : { limits, dataDirectory: path };
  };
  const first = await startChild(cleanup, { index: 0, validators, bootstrap: [], ...directory(0) });
  const others = validators
    .slice(1)
    .map((_, index) => startChild(cleanup, { index: index + 1, validators, bootstrap: first.addresses, ...directory(index + 1) }));
  return [first, ...(await Promise.all(others))];
};
/** for what comes soon; seven processes on two cores that others use, too, are slow */
const limitMs = 120_000;
/** of a whole test: each process takes seconds to start where others start as well */
const timeout = 400_000;

/** Silence is not judged, nor a gossip stream that takes long to open. */
const unjudged = { ...patient, deadMs: 0, firstDeadMs: limitMs };

const untilUp = (children: readonly Child[], count: number): Promise<number> =>
  until(
    () => children.every(({ up }) => up.size === count),
    limitMs,
    () => `each with ${count} up: ${children.map(({ up }) => up.size).join(" ")}`,
  );
const readBook = (directory: string): { peers: Record<string, string[]> } =>
  JSON.parse(readFileSync(join(directory, "peers.json"), "utf8")) as { peers: Record<string, string[]> };
const at = <T>(items: readonly T[], index: number): T => {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
};

describe("seven processes that know only the first one's address", () => {
  test("all reach each other, and so does one that comes late", { timeout }, async () => {
    const all = names(8);
    const children = await startMesh(all.slice(0, 7), [], unjudged);
    await untilUp(children, 6);
    // an eighth, not a validator, given the last one's address
    const late = await startChild(cleanup, {
      index: 7,
      validators: all.slice(0, 7),
      bootstrap: at(children, 6).addresses,
      limits: unjudged,
    });
    await untilUp([late], 7);
    await untilUp(children, 7);
  });
});

describe("four processes", () => {
  test("see one that is killed, by more than its silence, and find it again on another port, from either end", { timeout }, async () => {
    const validators = names(4);
    const directories = validators.map(() => temporaryDirectory(cleanup));
    const children = await startMesh(validators, directories, unjudged);
    await untilUp(children, 3);
    const known = (directory: string): number =>
      existsSync(join(directory, "peers.json")) ? Object.keys(readBook(directory).peers).length : 0;
    await until(() => directories.every((directory) => known(directory) === 3), limitMs, "address books written");
    const victim = at(children, 3);
    const others = children.slice(0, 3);
    victim.kill("SIGKILL");
    await until(() => others.every(({ up }) => up.size === 2), limitMs, "down at all others");
    // the first is the bootstrap: the address book has to do without it
    at(children, 0).kill("SIGKILL");
    await until(() => children.slice(1, 3).every(({ up }) => up.size === 1), limitMs, "the first is down");
    const again = await startChild(cleanup, { index: 3, validators, bootstrap: [], dataDirectory: at(directories, 3), limits: unjudged });
    expect(again.addresses).not.toEqual(victim.addresses);
    await untilUp([...children.slice(1, 3), again], 2);
    // the first returns on a new port, and the fourth, too, is where nobody has dialled it yet
    const first = await startChild(cleanup, { index: 0, validators, bootstrap: [], dataDirectory: at(directories, 0), limits: unjudged });
    await untilUp([first, ...children.slice(1, 3), again], 3);
  });

  test("see one that is frozen soon after their patience ends, and have it back when it wakes", { timeout }, async () => {
    const validators = names(4);
    // no more patience in a connection's first seconds than later
    const deadMs = 3000;
    const children = await startMesh(validators, [], { ...patient, deadMs, firstDeadMs: deadMs });
    await untilUp(children, 3);
    const frozen = at(children, 2);
    const others = children.filter((child) => child !== frozen);
    const silences = (): Promise<(number | undefined)[]> =>
      Promise.all(others.map(async (child) => (await child.ask({ type: "report" })).counters["disconnectedSilent"]));
    const before = await silences();
    frozen.kill("SIGSTOP");
    // as this process, they do not count the time in which others had the machine
    const noticed = await ownTime(() => until(() => others.every(({ up }) => up.size === 2), limitMs, "down at all others"));
    expect(noticed).toBeLessThan(2 * deadMs);
    const after = before.map((count = 0) => count + 1);
    expect(await silences()).toEqual(after);
    frozen.kill("SIGCONT");
    await untilUp(children, 3);
    // the survivors never lost each other
    expect(await silences()).toEqual(after);
  });
});
