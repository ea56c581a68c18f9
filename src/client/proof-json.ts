/** Reading what an untrusted node answered: every member is checked for form before anything is computed from it. */
import { Buffer } from "node:buffer";
import { toEpoch, toReplicaIndex, toSequence, toView } from "../protocol/ids.ts";
import type { Digest, Signature } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { CheckpointCertificate, CommitCertificate, ReceiptCertificate, VoteSignature } from "../protocol/messages.ts";

/** Why something is not believed. */
export type ProofProblem =
  /** a member is missing, or has another form than docs/http.md gives it */
  | "malformed"
  /** it answers another request than the one that was sent */
  | "other-request"
  /** it reads another key than the one that was asked for */
  | "other-key"
  /** it was made in another network */
  | "other-network"
  /** the request was not executed, as far as the node says */
  | "not-committed"
  /** there is nothing to check it by */
  | "no-proof"
  /** all of its receipts are good, but there are fewer than f+1 */
  | "too-few-receipts"
  /** more than f+1 receipts, one twice, one by a stranger, or a signature that does not verify */
  | "bad-receipts"
  /** not the signatures of a quorum */
  | "bad-certificate"
  /** its parts speak of different places in the ledger */
  | "other-place"
  /** the commit certificate's batch is not the one the receipts are about */
  | "other-log"
  /** the results, or their place in the batch, are not those under the receipts' root */
  | "bad-result-proof"
  /** the value, its version or its absence is not what the checkpoint's state holds */
  | "bad-state-proof"
  /** a shared document's operations are not those that are anchored */
  | "other-content"
  /** what it shows is no misbehaviour of anybody, or another than it says */
  | "no-evidence"
  /** it is older than what was asked for */
  | "too-old";

/** Thrown inside of the verification, and turned into a value at its edge. */
export class ProofError extends Error {
  readonly problem: ProofProblem;
  constructor(problem: ProofProblem, message: string) {
    super(message);
    this.name = "ProofError";
    this.problem = problem;
  }
}

const malformed = (name: string): never => {
  throw new ProofError("malformed", `${name} is missing or malformed`);
};

/** A JSON object's members, none of them checked yet. */
export type Members = Readonly<Record<string, unknown>>;

export const readObject = (value: unknown, name: string): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : malformed(name);

export const readNumber = (value: unknown, name: string): number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : malformed(name);

export const readText = (value: unknown, name: string): string => (typeof value === "string" ? value : malformed(name));

export const readHash = (value: unknown, name: string): Digest =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? (value as Digest) : malformed(name);

export const readList = (value: unknown, most: number, name: string): readonly unknown[] =>
  Array.isArray(value) && value.length <= most ? value : malformed(name);

/** Base64 in its one canonical form. */
export const readBase64 = (value: unknown, name: string): Uint8Array => {
  const bytes = Buffer.from(readText(value, name), "base64");
  return bytes.toString("base64") === value ? new Uint8Array(bytes) : malformed(name);
};

const readSignatures = (value: unknown, name: string): VoteSignature[] =>
  readList(value, limits.maxValidators, name).map((entry, position) => {
    const at = `${name}[${position}]`;
    const { replica, signature } = readObject(entry, at);
    const bytes = readBase64(signature, `${at}.signature`);
    if (bytes.length !== 64) malformed(`${at}.signature`);
    return { replica: toReplicaIndex(readNumber(replica, `${at}.replica`)), signature: bytes as Signature };
  });

export const readCommitCertificate = (value: unknown, name: string): CommitCertificate => {
  const json = readObject(value, name);
  return {
    epoch: toEpoch(readNumber(json["epoch"], `${name}.epoch`)),
    view: toView(readNumber(json["view"], `${name}.view`)),
    sequence: toSequence(readNumber(json["sequence"], `${name}.sequence`)),
    digest: readHash(json["digest"], `${name}.digest`),
    commits: readSignatures(json["signatures"], `${name}.signatures`),
  };
};

export const readReceipts = (value: unknown, name: string): ReceiptCertificate => {
  const json = readObject(value, name);
  const requests = readNumber(json["requests"], `${name}.requests`);
  if (requests > limits.maxRequestsPerBatch) malformed(`${name}.requests`);
  return {
    epoch: toEpoch(readNumber(json["epoch"], `${name}.epoch`)),
    sequence: toSequence(readNumber(json["sequence"], `${name}.sequence`)),
    requests,
    resultsRoot: readHash(json["resultsRoot"], `${name}.resultsRoot`),
    stateRoot: readHash(json["stateRoot"], `${name}.stateRoot`),
    logHash: readHash(json["logHash"], `${name}.logHash`),
    signatures: readSignatures(json["signatures"], `${name}.signatures`),
  };
};

export const readCheckpoint = (value: unknown, name: string): CheckpointCertificate => {
  const json = readObject(value, name);
  return {
    epoch: toEpoch(readNumber(json["epoch"], `${name}.epoch`)),
    sequence: toSequence(readNumber(json["sequence"], `${name}.sequence`)),
    stateRoot: readHash(json["stateRoot"], `${name}.stateRoot`),
    logHash: readHash(json["logHash"], `${name}.logHash`),
    epochRoot: readHash(json["epochRoot"], `${name}.epochRoot`),
    signatures: readSignatures(json["signatures"], `${name}.signatures`),
  };
};
