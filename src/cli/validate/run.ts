/** Tries the claims on a network of its own, which is gone afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testnet, type TestnetOptions } from "../../testnet/testnet.ts";
import { measureFloor } from "../bench/floor.ts";
import { CliError, exitCodes } from "../errors.ts";
import { catchUp } from "./catching-up.ts";
import { cheat, cheatClients } from "./cheats.ts";
import { type Claim, type ClaimId, claimIds, type Detection } from "./claims.ts";
import { killAll, killMany, killPrimary } from "./crashes.ts";
import { cutInHalves } from "./cuts.ts";
import { judgeEnd } from "./ending.ts";
import type { Figures } from "./figures.ts";
import { measureLoad } from "./loading.ts";
import { alterProofs } from "./proofs.ts";
import { sendAgain } from "./requests.ts";
import { createStage, errorText, revive, since, type Stage, troubles } from "./stage.ts";
import type { Course } from "./timeline.ts";

/** What `byz validate --json` answers. */
export interface Validation {
  readonly nodes: number;
  readonly claims: readonly Claim[];
  readonly detection: readonly Detection[];
  readonly figures: Figures;
  readonly seconds: number;
}

/** The same, and what the report draws. */
export interface ValidationRun {
  readonly validation: Validation;
  readonly course: Course;
}

export interface ValidationOptions {
  /** validators */
  readonly nodes: number;
  /** all when absent */
  readonly only?: readonly ClaimId[];
  readonly signal: AbortSignal;
  /** progress, for people */
  readonly note: (text: string) => void;
  /** a network that is not as it should be, to see that this is found out: what its validators do from the start */
  readonly byzantine?: TestnetOptions["byzantine"];
}

/** Something that is done to the network. */
interface Act {
  readonly name: string;
  /** that it bears on */
  readonly claims: readonly ClaimId[];
  run(stage: Stage): Promise<(() => Promise<void>) | void>;
}

/** answers of the last clients, before all is judged */
const answersAtEnd = 20;

const acts: readonly Act[] = [
  { name: "requests sent again and again", claims: ["exactly-once"], run: sendAgain },
  { name: "proofs, altered", claims: ["proofs"], run: alterProofs },
  { name: "the primary killed", claims: ["primary", "rejoin"], run: killPrimary },
  { name: "f killed, and more than f", claims: ["crash-f", "crash-more", "durable", "rejoin"], run: killMany },
  { name: "all killed", claims: ["durable", "rejoin"], run: killAll },
  { name: "cut in halves", claims: ["cut", "heal", "rejoin"], run: cutInHalves },
  { name: "a node cut off, and back", claims: ["catch-up", "rejoin"], run: catchUp },
  { name: "lies to clients", claims: ["lies", "detection"], run: cheatClients },
  { name: "cheats", claims: ["detection", "accusation"], run: cheat },
];

/** Runs an act; what goes wrong in it is told by the claims that it bears on. @returns false where the network did not come back from it */
const perform = async (stage: Stage, act: Act, later: (() => Promise<void>)[]): Promise<boolean> => {
  const { book, signal, note } = stage;
  const began = performance.now();
  note(`${act.name} …`);
  try {
    const inTheEnd = await act.run(stage);
    if (inTheEnd !== undefined) later.push(inTheEnd);
    note(`${act.name}: ${(since(began) / 1_000).toFixed(1)} s`);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const reasons = [errorText(error), ...(await troubles(stage))];
    for (const reason of reasons) note(`  ${reason}`);
    for (const id of act.claims) book.tally(id).broke(`${act.name}: ${reasons.join("; ")}`);
  }
  try {
    await revive(stage);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    note(`  ${errorText(error)}`);
    return false;
  }
};

/** What is judged once nothing more is done. */
const end = async (stage: Stage, wanted: readonly ClaimId[], later: readonly (() => Promise<void>)[]): Promise<void> => {
  const { witnesses, book, signal } = stage;
  try {
    for (const inTheEnd of later) await inTheEnd();
    await witnesses.more(answersAtEnd);
  } catch (error) {
    signal.throwIfAborted();
    for (const id of wanted) book.tally(id).broke(`in the end: ${errorText(error)}`);
  }
  await judgeEnd(stage, wanted);
};

/** Does everything that bears on the claims wanted, then judges. */
const tryAll = async (stage: Stage, wanted: readonly ClaimId[]): Promise<void> => {
  const { book, signal } = stage;
  const later: (() => Promise<void>)[] = [];
  let standing = true;
  for (const act of acts.filter(({ claims }) => claims.some((id) => wanted.includes(id)))) {
    signal.throwIfAborted();
    if (standing) standing = await perform(stage, act, later);
    else for (const id of act.claims) book.tally(id).broke("the network had not come back from what was tried before");
  }
  await end(stage, wanted, later);
};

const onNetwork = async (testnet: Testnet, options: ValidationOptions, began: number, folder: string): Promise<ValidationRun> => {
  const { only, nodes, signal, note } = options;
  const wanted = only ?? claimIds;
  const stage = createStage(testnet, options);
  const { book, detection, figures, timeline, witnesses, opinions } = stage;
  try {
    if (only === undefined) {
      note("what the machine and the network can do …");
      figures.floor = await measureFloor(folder);
      await measureLoad(stage).catch((error: unknown) => {
        signal.throwIfAborted();
        note(`  not measured: ${errorText(error)}`);
      });
    }
    await tryAll(stage, wanted);
  } finally {
    await Promise.all([witnesses.stop(), opinions.stop()]);
  }
  const seconds = Number((since(began) / 1_000).toFixed(1));
  const validation = { nodes, claims: book.claims(wanted), detection, figures, seconds };
  return { validation, course: { timeline, calls: witnesses.calls, seconds: since(timeline.began) / 1_000 } };
};

/** so often that lies about checkpoints are told */
const parameters = { checkpointInterval: 32 };

/**
 * Tries the claims, for minutes. Nothing is left of the network when it resolves, rejects or is interrupted; it takes free ports.
 *
 * @throws TestnetError where the network does not start; CliError once interrupted
 */
export const validate = async (options: ValidationOptions): Promise<ValidationRun> => {
  const { nodes, signal, note, byzantine } = options;
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "byz-validate-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  let testnet: Testnet | undefined;
  /** nothing that waits for nodes waits any longer */
  const stop = (): void => {
    for (const { index } of testnet?.state().nodes ?? []) testnet?.kill(index).catch(() => undefined);
  };
  try {
    testnet = await Testnet.up({
      dir: join(folder, "net"),
      nodes,
      chainId: "validate",
      parameters,
      config: { log: { level: "warn" } },
      progress: note,
      signal,
      ...(byzantine === undefined ? {} : { byzantine }),
    });
    signal.addEventListener("abort", stop, { once: true });
    return await onNetwork(testnet, options, began, folder);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliError({ code: "aborted", message: "interrupted", exitCode: exitCodes.interrupted, cause: error });
  } finally {
    signal.removeEventListener("abort", stop);
    await testnet?.down();
    remove();
    process.removeListener("exit", remove);
  }
};
