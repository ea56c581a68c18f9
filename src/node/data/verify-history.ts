/** Executed blocks on disk: each against its certificate, its batch, its answers and the block before it (PROTOCOL §3, §4). */
import { answersHashAfter, initialClock } from "../../ledger/head.ts";
import { type Answer, decodeAnswers, resultsRootOf } from "../../ledger/answers.ts";
import { emptyStateRoot } from "../../ledger/state/hashing.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Batch, CheckpointCertificate } from "../../protocol/messages.ts";
import { verifyCommitCertificate } from "../../signing/offline.ts";
import type { Trust } from "../../signing/plans.ts";
import { prefixRange, readNumber, storeKey, tables } from "../../storage/keys.ts";
import type { Store } from "../../storage/port.ts";
import { logHashAfter } from "../../wire/digests.ts";
import { createHistory, type History } from "./history.ts";
import { type BlockHeader, decodeBlockHeader } from "./records.ts";

/** Collects what one check finds. */
export interface Check {
  seen(): void;
  bad(problem: string): void;
}

/** What the blocks came to. */
export interface HistoryFound {
  /** lowest sequence that is kept; undefined without any */
  readonly first: number | undefined;
  readonly last: { readonly sequence: number; readonly header: BlockHeader } | undefined;
  /** sequences that are not kept between others that are: this node took the state over there */
  readonly gaps: readonly (readonly [from: number, to: number])[];
  /** over all answers, if all blocks from the first one on are kept */
  readonly answersHash: Digest | undefined;
}

export interface HistoryToCheck {
  readonly store: Store;
  readonly trust: Trust;
  readonly genesisLogHash: Digest;
  readonly checkpointInterval: number;
  readonly stable: CheckpointCertificate;
  readonly check: Check;
}

interface Previous {
  readonly sequence: number;
  readonly header: Pick<BlockHeader, "logHash" | "timestamp" | "stateRoot">;
}

/** What executing it must have done to what is known of the block before. */
const chainProblem = (header: BlockHeader, batch: Batch, previous: Previous["header"], isCheckpoint: boolean): string | undefined => {
  if (header.logHash !== logHashAfter(previous.logHash, header.certificate.digest))
    return "its log hash does not follow from the block before";
  if (!isCheckpoint && header.stateRoot !== previous.stateRoot) return "it has another state root, and is no checkpoint";
  const time = batch.requests.length === 0 ? previous.timestamp : Math.max(previous.timestamp, batch.timestamp);
  return header.timestamp === time ? undefined : "its time does not follow from the block before";
};

/** Where each request is said to have run: here; where this is a repetition, earlier, or nowhere any more. */
const placesProblem = (history: History, sequence: number, answers: readonly Answer[]): string | undefined => {
  for (const [index, { id, outcome }] of answers.entries()) {
    const place = history.place(id);
    const right =
      outcome.status === "duplicate" ? (place?.sequence ?? 0) <= sequence : place?.sequence === sequence && place.index === index;
    if (!right) return `its request ${index} is said to have run elsewhere`;
  }
  return undefined;
};

const contentProblem = (history: History, trust: Trust, sequence: number, header: BlockHeader): string | undefined => {
  const { certificate } = header;
  if (certificate.sequence !== sequence) return "its certificate is of another sequence";
  const failed = verifyCommitCertificate(trust, certificate);
  if (failed !== undefined) return `its commit certificate does not hold: ${failed.reason}`;
  const batch = history.batch(certificate.digest);
  return batch === undefined ? "its batch is missing" : undefined;
};

/** Its answers, or what is wrong with them. */
const answersOf = (history: History, sequence: number, batch: Batch): readonly Answer[] | string => {
  const answers = decodeAnswers(history.results(sequence as Sequence) ?? new Uint8Array());
  if (answers === undefined || answers.length !== batch.requests.length) return "its answers are missing or not readable";
  if (answers.some(({ id }, index) => id !== batch.requests[index]?.id)) return "its answers are of other requests";
  return placesProblem(history, sequence, answers) ?? answers;
};

/** Reads every block once, ascending. Memory: one block. @throws StoreError, RecordError at what can not be read */
export const checkHistory = async ({
  store,
  trust,
  genesisLogHash,
  checkpointInterval,
  stable,
  check,
}: HistoryToCheck): Promise<HistoryFound> => {
  const history = createHistory(store);
  const gaps: (readonly [number, number])[] = [];
  let first: number | undefined;
  let last: HistoryFound["last"];
  let answersHash: Digest | undefined = initialClock.answersHash;
  let previous: Previous | undefined = { sequence: 0, header: { logHash: genesisLogHash, timestamp: 0, stateRoot: emptyStateRoot } };

  const step = (sequence: number, header: BlockHeader): string | undefined => {
    const wrong = contentProblem(history, trust, sequence, header);
    const batch = wrong === undefined ? history.batch(header.certificate.digest) : undefined;
    if (batch === undefined) return wrong;
    if (sequence === stable.sequence && (header.logHash !== stable.logHash || header.stateRoot !== stable.stateRoot))
      return "its roots are not those of the stable checkpoint";
    const answers = answersOf(history, sequence, batch);
    if (typeof answers === "string") return answers;
    if (answersHash !== undefined && answers.length > 0) answersHash = answersHashAfter(answersHash, sequence, resultsRootOf(answers));
    return previous === undefined ? undefined : chainProblem(header, batch, previous.header, sequence % checkpointInterval === 0);
  };

  for await (const { key, value } of store.range(prefixRange(storeKey(tables.blocks)))) {
    const sequence = readNumber(key, 1);
    const header = decodeBlockHeader(value);
    if (sequence !== (previous?.sequence ?? 0) + 1) {
      const from = (last?.sequence ?? 0) + 1;
      if (last !== undefined) gaps.push([from, sequence - 1]);
      if (last !== undefined && sequence - 1 > stable.sequence) check.bad(`blocks ${from} to ${sequence - 1} are missing`);
      previous = undefined;
      answersHash = undefined;
    }
    const problem = step(sequence, header);
    if (problem !== undefined) check.bad(`block ${sequence}: ${problem}`);
    check.seen();
    first ??= sequence;
    last = { sequence, header };
    previous = last;
  }
  return { first, last, gaps, answersHash };
};
