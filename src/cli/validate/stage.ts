/** The network that is tried, those who use it all the time, and where what they see is written down. */
import { join } from "node:path";
import { type Genesis, loadGenesis } from "../../node/home/genesis.ts";
import { faultsTolerated, quorumSize } from "../../protocol/committee.ts";
import type { StatusAnswer } from "../../client/answers.ts";
import { ClientError } from "../../client/errors.ts";
import type { Testnet } from "../../testnet/testnet.ts";
import { type Book, bounds, createBook, type Detection, type Size } from "./claims.ts";
import type { FigureBook } from "./figures.ts";
import { indexesOf, primaryAsSeenBy, seatPrimary } from "./logs.ts";
import { watchOthers } from "./machine.ts";
import { type Opinions, watchOpinions } from "./opinions.ts";
import { createTimeline, type Timeline } from "./timeline.ts";
import { unchanged } from "./wait.ts";
import { startWitnesses, type Witnesses } from "./witnesses.ts";

export interface Stage extends Size {
  readonly testnet: Testnet;
  readonly genesis: Genesis;
  readonly all: readonly number[];
  /** f validators that are told to cheat in the end: neighbours, so that when one loses the primary's seat the next one has it */
  readonly cheats: readonly number[];
  readonly honest: readonly number[];
  readonly witnesses: Witnesses;
  readonly opinions: Opinions;
  readonly timeline: Timeline;
  readonly book: Book;
  readonly figures: FigureBook;
  readonly detection: Detection[];
  readonly signal: AbortSignal;
  /** progress, for people */
  readonly note: (text: string) => void;
}

/** clients of each kind */
const witnessesEach = 5;
/** of a witness after an answer: the machine is to have room for what is tried */
const witnessPauseMs = 30;

/** On a network that runs and is ready. */
export const createStage = (testnet: Testnet, { signal, note }: Pick<Stage, "signal" | "note">): Stage => {
  const all = indexesOf(testnet);
  const n = all.length;
  const f = faultsTolerated(n);
  const size = { n, f, quorum: quorumSize(n) };
  const honest = all.slice(f);
  const witnesses = startWitnesses(testnet, {
    verifying: witnessesEach,
    plain: witnessesEach,
    trusted: honest,
    pauseMs: witnessPauseMs,
    signal,
  });
  return {
    ...size,
    testnet,
    genesis: loadGenesis(join(testnet.node(0).home, "genesis.json")),
    all,
    cheats: all.slice(0, f),
    honest,
    witnesses,
    opinions: watchOpinions(testnet, honest, signal),
    timeline: createTimeline(witnesses.calls),
    book: createBook(size),
    figures: {},
    detection: [],
    signal,
    note,
  };
};

/** What went wrong, for people. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What nodes that are not ready say about it, for people. */
export const troubles = async ({ testnet, all }: Stage): Promise<string[]> => {
  const said = await Promise.all(
    all.map(async (index) => {
      try {
        const client = testnet.client(index);
        const [{ ready }, { summary, view }] = [await client.ready(), await client.explain()];
        if (ready) return [];
        return [`node ${index} in view ${view.number}${view.active ? "" : ", not active"}, demands ${view.demand}: ${summary.join(" ")}`];
      } catch (error) {
        return [`node ${index}: ${errorText(error)}`];
      }
    }),
  );
  return said.flat();
};

/** Nobody is cut off, nobody cheats who was told to, everybody runs. @throws TestnetError */
const undo = async ({ testnet, all, cheats, signal }: Stage): Promise<void> => {
  signal.throwIfAborted();
  await testnet.heal();
  const { nodes } = testnet.state();
  const cheating = nodes.filter(({ index, behaviour }) => cheats.includes(index) && behaviour !== "honest");
  await Promise.all(cheating.map(({ index }) => testnet.byzantine(index, "honest")));
  await Promise.all(all.filter((index) => testnet.processState(index) === "gone").map((index) => testnet.restart(index)));
};

/** Whoever is the primary loses its seat to the next honest one: everybody comes to a new view. @throws Error where it does not */
export const changeView = async ({ testnet, n, cheats, honest, signal }: Stage): Promise<void> => {
  const primary = await primaryAsSeenBy(testnet, honest[0] as number);
  const next = (primary + 1) % n;
  await seatPrimary(testnet, cheats.includes(next) ? (honest[0] as number) : next, honest, signal);
};

/**
 * Undoes whatever was done, and waits until everybody takes part again. Who does not in time is told by the claim `rejoin`; what is tried next has
 * everybody with it all the same, in a new view.
 *
 * @throws TestnetError, Error where that does not help either
 */
export const calm = async (stage: Stage): Promise<void> => {
  const { testnet, all, n, book, note, signal } = stage;
  const tally = book.tally("rejoin");
  await undo(stage);
  const others = watchOthers(testnet);
  try {
    await testnet.ready(all, bounds.rejoinMs);
    tally.count(n, n, []);
  } catch (error) {
    signal.throwIfAborted();
    const late = await troubles(stage);
    const busy = others();
    const problems = (late.length > 0 ? late : [String(error)]).map((problem) => `${problem}${busy}`);
    problems.forEach(note);
    tally.count(n - problems.length, n, problems);
    await changeView(stage);
    await testnet.ready(all, bounds.rejoinMs);
  }
};

/** The same after something broke off, which tells nothing of any claim: nodes that do not become ready are started anew. @throws TestnetError, Error */
export const revive = async (stage: Stage): Promise<void> => {
  const { testnet, all, signal } = stage;
  await undo(stage);
  try {
    return await testnet.ready(all, bounds.rejoinMs);
  } catch {
    signal.throwIfAborted();
  }
  for (const index of all) {
    const ready = await testnet
      .client(index)
      .ready()
      .catch(() => undefined);
    if (ready?.ready !== true) await testnet.restart(index);
  }
  await changeView(stage);
  await testnet.ready(all, bounds.rejoinMs);
};

export const statusesOf = ({ testnet }: Stage, indexes: readonly number[]): Promise<StatusAnswer[]> =>
  Promise.all(indexes.map((index) => testnet.client(index).status()));

/** The highest place of these nodes, once what was under way is done and nothing moves any more. */
export const atRest = async (stage: Stage, indexes: readonly number[]): Promise<number> => {
  const look = async (): Promise<number[]> => (await statusesOf(stage, indexes)).map(({ sequence }) => sequence.executed);
  return Math.max(...(await unchanged("nothing moves", 10_000, look, (places) => places, stage.signal)));
};

/** The code of the error that a call ends with; `none` when it succeeds. */
export const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
};

export const since = (start: number): number => Math.round(performance.now() - start);
