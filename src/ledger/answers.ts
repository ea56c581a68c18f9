/**
 * What a batch answered, request by request: its bytes in the store, its Merkle root, and proofs of single answers (docs/ledger.md, "Answers").
 */
import { Buffer } from "node:buffer";
import { limits } from "../protocol/limits.ts";
import { toSequence } from "../protocol/ids.ts";
import type { Digest, Sequence } from "../protocol/ids.ts";
import { decodeWhole, fail, readCount, readDigest, readLength, readU64, readU8, readView } from "../wire/reader.ts";
import type { Reader } from "../wire/reader.ts";
import { encodeSized, writeBytes, writeHex32, writeU16, writeU32, writeU64, writeU8 } from "../wire/writer.ts";
import type { Writer } from "../wire/writer.ts";
import { digestToRaw, emptyHash, hashBytes, nodeHash, rawToDigest } from "./state/hashing.ts";
import type { RawHash } from "./state/hashing.ts";

const MiB = 1024 * 1024;

/** What became of one request (PROTOCOL §9). */
export type Outcome =
  | { readonly status: "executed" }
  /** the client used this number before: the first answer stands in the batch `sequence` at `index`. It may be this batch. */
  | { readonly status: "duplicate"; readonly sequence: Sequence; readonly index: number }
  /** `stale`: the number is older than those the session remembers; `sequence-too-far`: further ahead than ledger time allows */
  | { readonly status: "refused"; readonly reason: "stale" | "sequence-too-far" }
  /** the client has no session, and its number is not above `floor`, the highest one of any session that was dropped */
  | { readonly status: "refused"; readonly reason: "session-expired"; readonly floor: number };

export interface Answer {
  /** the request's */
  readonly id: Digest;
  readonly outcome: Outcome;
  /** one per operation; none unless executed */
  readonly results: readonly Uint8Array[];
}

/** results of one batch that carry more than 64 bytes each, together, bytes */
export const maxResultBytesPerBatch = 8 * MiB;
/** results of one request, bytes: a largest value fits */
export const maxResultBytesPerRequest = limits.maxRequestBytes;
/** what every result may have, whatever was used up before it, bytes */
export const minResultBytes = 64;
/** a stored batch of answers, bytes */
export const maxAnswersBytes = 64 * MiB;

const statusTags = { executed: 0, duplicate: 1, stale: 2, "sequence-too-far": 3, "session-expired": 4 } as const;

/* ------------------------------------------------------------------ bytes */

const outcomeBytes = (outcome: Outcome): number => {
  if (outcome.status === "duplicate") return 11;
  return outcome.status === "refused" && outcome.reason === "session-expired" ? 9 : 1;
};

const writeOutcome = (writer: Writer, outcome: Outcome): void => {
  if (outcome.status === "executed") return writeU8(writer, statusTags.executed);
  if (outcome.status === "duplicate") {
    writeU8(writer, statusTags.duplicate);
    writeU64(writer, outcome.sequence);
    return writeU16(writer, outcome.index);
  }
  writeU8(writer, statusTags[outcome.reason]);
  if (outcome.reason === "session-expired") writeU64(writer, outcome.floor);
};

const readOutcome = (reader: Reader): Outcome => {
  const tag = readU8(reader, "outcome");
  switch (tag) {
    case statusTags.executed:
      return { status: "executed" };
    case statusTags.duplicate: {
      const sequence = toSequence(readU64(reader, "outcome.sequence"));
      return {
        status: "duplicate",
        sequence,
        index: readCount(reader, { width: 2, min: 0, max: limits.maxRequestsPerBatch, entryBytes: 0 }, "outcome.index"),
      };
    }
    case statusTags.stale:
      return { status: "refused", reason: "stale" };
    case statusTags["sequence-too-far"]:
      return { status: "refused", reason: "sequence-too-far" };
    case statusTags["session-expired"]:
      return { status: "refused", reason: "session-expired", floor: readU64(reader, "outcome.floor") };
    default:
      fail(reader, "unknown-tag", "outcome");
      return { status: "executed" };
  }
};

const resultsBytes = (results: readonly Uint8Array[]): number => results.reduce((bytes, result) => bytes + 4 + result.length, 2);

const writeResults = (writer: Writer, results: readonly Uint8Array[]): void => {
  writeU16(writer, results.length);
  for (const result of results) {
    writeU32(writer, result.length);
    writeBytes(writer, result);
  }
};

const readResults = (reader: Reader): Uint8Array[] => {
  const count = readCount(reader, { width: 2, min: 0, max: limits.maxOperationsPerRequest, entryBytes: 4 }, "results");
  const results: Uint8Array[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    results.push(readView(reader, readLength(reader, maxAnswersBytes, "result"), "result"));
  }
  return results;
};

const answerBytes = (answer: Answer): number => 32 + outcomeBytes(answer.outcome) + resultsBytes(answer.results);

/** count u16 ‖ for each answer: id[32] ‖ outcome ‖ results */
export const encodeAnswers = (answers: readonly Answer[]): Uint8Array =>
  encodeSized(
    answers.reduce((bytes, answer) => bytes + answerBytes(answer), 2),
    (writer) => {
      writeU16(writer, answers.length);
      for (const answer of answers) {
        writeHex32(writer, answer.id);
        writeOutcome(writer, answer.outcome);
        writeResults(writer, answer.results);
      }
    },
  );

const readAnswer = (reader: Reader): Answer => ({
  id: readDigest(reader, "id"),
  outcome: readOutcome(reader),
  results: readResults(reader),
});

/** The answers, or undefined if the bytes are not exactly such; results are views of `bytes`. Never throws. */
export const decodeAnswers = (bytes: Uint8Array): Answer[] | undefined => {
  const decoded = decodeWhole(bytes, maxAnswersBytes, "answers", (reader) => {
    const count = readCount(reader, { width: 2, min: 0, max: limits.maxRequestsPerBatch, entryBytes: 35 }, "answers");
    const answers: Answer[] = [];
    for (let index = 0; index < count && reader.error === undefined; index++) answers.push(readAnswer(reader));
    return answers;
  });
  return decoded.ok ? decoded.value : undefined;
};

/* ------------------------------------------------------------------ Merkle root and proofs */

/** tag, id, the longest outcome, hash of the results */
const leafMemory = Buffer.alloc(1 + 32 + 11 + 32);

/** H(0x00 ‖ id ‖ outcome ‖ H(results)) */
const leafOf = (answer: Answer): RawHash => {
  const results = hashBytes(encodeSized(resultsBytes(answer.results), (writer) => writeResults(writer, answer.results)));
  const writer: Writer = { buffer: leafMemory, offset: 0 };
  writeU8(writer, 0);
  writeHex32(writer, answer.id);
  writeOutcome(writer, answer.outcome);
  leafMemory.write(results, writer.offset, "latin1");
  return hashBytes(leafMemory.subarray(0, writer.offset + 32));
};

/** Each level from the leaves up: pairs are hashed, an odd last node rises as it is. */
const levelsOf = (answers: readonly Answer[]): RawHash[][] => {
  let level = answers.map(leafOf);
  const levels = [level];
  while (level.length > 1) {
    const above: RawHash[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index] as RawHash;
      const right = level[index + 1];
      above.push(right === undefined ? left : nodeHash(left, right));
    }
    levels.push(above);
    level = above;
  }
  return levels;
};

/** The Merkle root over a batch's answers in their order; 32 zero bytes for none. */
export const resultsRootOf = (answers: readonly Answer[]): Digest => rawToDigest(levelsOf(answers).at(-1)?.[0] ?? emptyHash);

/** One answer's place among those of its batch, and the hashes beside its way, from the leaf up. */
export interface ResultProof {
  readonly index: number;
  /** answers in the batch */
  readonly count: number;
  readonly siblings: readonly Digest[];
}

/** The tree over one batch's answers, for several proofs: at most 0.3 MB. */
export interface ResultProver {
  readonly root: Digest;
  /** @throws RangeError if there is no answer at `index` */
  prove(index: number): ResultProof;
}

/** Hashes the batch's answers once. */
export const createResultProver = (answers: readonly Answer[]): ResultProver => {
  const levels = levelsOf(answers);
  const count = answers.length;
  return {
    root: rawToDigest(levels.at(-1)?.[0] ?? emptyHash),
    prove(index) {
      if (!Number.isInteger(index) || index < 0 || index >= count) throw new RangeError(`no answer at ${index}`);
      const siblings: Digest[] = [];
      let at = index;
      for (const level of levels) {
        const sibling = level[at ^ 1];
        if (sibling !== undefined && level.length > 1) siblings.push(rawToDigest(sibling));
        at >>>= 1;
      }
      return { index, count, siblings };
    },
  };
};

/** Whether `answer` is the one at the proof's index under `root`. Needs nothing else; never throws. */
export const verifyResultProof = (root: Digest, answer: Answer, proof: ResultProof): boolean => {
  if (!Number.isInteger(proof.index) || proof.index < 0 || !(proof.index < proof.count) || !(proof.count <= limits.maxRequestsPerBatch))
    return false;
  let node = leafOf(answer);
  let at = proof.index;
  let used = 0;
  for (let width = proof.count; width > 1; width = Math.ceil(width / 2)) {
    if ((at ^ 1) < width) {
      const sibling = proof.siblings[used++];
      if (sibling === undefined || !/^[0-9a-f]{64}$/.test(sibling)) return false;
      const beside = digestToRaw(sibling);
      node = at & 1 ? nodeHash(beside, node) : nodeHash(node, beside);
    }
    at >>>= 1;
  }
  return used === proof.siblings.length && rawToDigest(node) === root;
};
