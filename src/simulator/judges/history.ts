/**
 * The one history of a universe: agreement, order, integrity, validity, execution, checkpoints. The first honest node to run a sequence writes it;
 * everybody after has to have done the same; and what it should have done is computed here, by a model.
 */
import { hash } from "node:crypto";
import { decodeOperation, encodeResult } from "../../ledger/kv/encoding.ts";
import { decodeAnswers } from "../../ledger/answers.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { Digest } from "../../protocol/ids.ts";
import type { Batch, CommitCertificate, Request } from "../../protocol/messages.ts";
import type { Notary } from "../notary.ts";
import type { CertificateJudge } from "./certificates.ts";
import { createClaimsModel } from "./claims.ts";
import { named, whoCommittedBoth } from "./forensics.ts";
import { createKeyValueModel, type KeyValueModel } from "./model.ts";
import type { Violate } from "./violation.ts";

/** Where a request was executed for the first and only time. */
export interface Position {
  readonly sequence: number;
  readonly index: number;
}

interface Block {
  readonly digest: Digest;
  /** of the first that was seen; undefined for the genesis */
  readonly certificate: CommitCertificate | undefined;
  readonly requests: readonly Request[];
  /** ledger time: the highest timestamp of any batch with requests so far */
  readonly timestamp: number;
  roots: { readonly stateRoot: Digest; readonly logHash: Digest } | undefined;
  answers: Uint8Array | undefined;
}

export interface HistoryJudge {
  /** an honest node hands this to its ledger */
  ordered(node: number, certificate: CommitCertificate, batch: Batch): void;
  /** an honest node ran it, and it is on disk */
  executed(node: number, sequence: number, stateRoot: Digest, logHash: Digest, answers: Uint8Array | undefined): void;
  /** a checkpoint that a quorum signed */
  stable(node: number, sequence: number, stateRoot: Digest, logHash: Digest): void;
  /** an honest node starts with this much executed, or fetched the state of it */
  restarted(node: number, sequence: number, logHash: Digest): void;
  position(request: Digest): Position | undefined;
  /** it was ordered, and ran or was refused */
  isSettled(request: Digest): boolean;
  results(position: Position): readonly Uint8Array[] | undefined;
  digestAt(sequence: number): Digest | undefined;
  readonly model: KeyValueModel;
  /** highest sequence whose results are known */
  readonly executedUpTo: number;
  /** highest sequence that an honest node ordered */
  readonly top: number;
  readonly requests: number;
}

export interface HistoryOptions {
  readonly committee: Committee;
  readonly notary: Notary;
  readonly certificates: CertificateJudge;
  readonly genesisLogHash: Digest;
  readonly violate: Violate;
  /** what an honest node ordered */
  readonly committed: (certificate: CommitCertificate) => void;
}

const chain = (previous: Digest, digest: Digest): Digest => hash("sha256", Buffer.from(previous + digest, "hex"), "hex") as Digest;
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);

/** Batches without requests do not move it. */
const timeAfter = (block: Block | undefined, { requests, timestamp }: Batch): number =>
  Math.max(block?.timestamp ?? 0, requests.length === 0 ? 0 : timestamp);

const genesisBlock: Block = {
  digest: "" as Digest,
  certificate: undefined,
  requests: [],
  timestamp: 0,
  roots: undefined,
  answers: undefined,
};

export const createHistoryJudge = ({
  committee,
  notary,
  certificates,
  genesisLogHash,
  violate,
  committed,
}: HistoryOptions): HistoryJudge => {
  const blocks: Block[] = [genesisBlock];
  const logHashes: Digest[] = [genesisLogHash];
  const orderedUpTo = new Map<number, number>();
  const positions = new Map<Digest, Position>();
  /** by client and number: exactly once whatever the bytes */
  const numbers = new Map<string, Digest>();
  const results = new Map<string, readonly Uint8Array[]>();
  const settled = new Set<Digest>();
  const model = createKeyValueModel();
  const claims = createClaimsModel(committee.validators.map(({ publicKey }) => publicKey));
  let executedUpTo = 0;

  const first = (certificate: CommitCertificate, batch: Batch): void => {
    const { sequence, digest } = certificate;
    if (sequence !== blocks.length) return violate("total-order", `sequence ${sequence} is ordered after ${blocks.length - 1}`);
    if (hash("sha256", batch.bytes, "hex") !== digest) violate("integrity", `the batch of sequence ${sequence} is not its digest's`);
    for (const { id, bytes } of batch.requests) {
      if (hash("sha256", bytes.subarray(0, -64), "hex") !== id || !notary.wasRequested(id))
        violate("validity", `sequence ${sequence} orders a request that nobody made: ${id}`);
    }
    const timestamp = timeAfter(blocks.at(-1), batch);
    blocks.push({ digest, certificate, requests: batch.requests, timestamp, roots: undefined, answers: undefined });
    logHashes.push(chain(logHashes[sequence - 1] as Digest, digest));
  };

  /** What the model says that each request of the block answers. */
  const judgeAnswers = (sequence: number, block: Block, bytes: Uint8Array): void => {
    const answers = decodeAnswers(bytes);
    if (answers === undefined || answers.length !== block.requests.length)
      return violate("reply-truth", `the answers of sequence ${sequence} are not readable`);
    for (const [index, request] of block.requests.entries()) {
      const answer = answers[index];
      const name = `${request.client}/${request.sequence}`;
      const before = numbers.get(name);
      if (answer?.id !== request.id) return violate("reply-truth", `answer ${index} of sequence ${sequence} is another request's`);
      settled.add(request.id);
      if (answer.outcome.status === "executed") {
        if (before !== undefined) violate("exactly-once", `number ${name} ran as ${before} and again at sequence ${sequence}`);
        numbers.set(name, request.id);
        positions.set(request.id, { sequence, index });
        judgeResults(sequence, index, request, answer.results);
      } else if (answer.outcome.status === "duplicate" && before === undefined) {
        violate("exactly-once", `number ${name} at sequence ${sequence} is called a repetition and is none`);
      }
    }
  };
  const judgeResults = (sequence: number, index: number, request: Request, given: readonly Uint8Array[]): void => {
    const expected = request.operations.map((bytes) => {
      if (bytes[0] === 0) return claims.apply(request.client, bytes);
      const operation = decodeOperation(bytes);
      return encodeResult(
        operation === undefined ? { type: "malformed" } : model.apply(operation, sequence, blocks[sequence]?.timestamp ?? 0),
      );
    });
    results.set(`${sequence}/${index}`, expected);
    if (given.length !== expected.length || !given.every((result, at) => same(result, expected[at] as Uint8Array)))
      violate("reply-truth", `request ${index} of sequence ${sequence} has other results than the model`);
  };

  const judgeRoots = (node: number, sequence: number, stateRoot: Digest, logHash: Digest): void => {
    const block = blocks[sequence];
    if (logHash !== logHashes[sequence]) violate("checkpoint-truth", `#${node} has another log hash at sequence ${sequence}`);
    if (block?.roots !== undefined && block.roots.stateRoot !== stateRoot)
      violate("checkpoint-truth", `#${node} has another state at sequence ${sequence}`);
  };

  return {
    ordered(node, certificate, batch) {
      const { sequence, digest } = certificate;
      if (!certificates.committed(certificate)) violate("certificates", `#${node} runs sequence ${sequence} on a bad certificate`);
      const last = orderedUpTo.get(node) ?? 0;
      if (sequence !== last + 1) violate("total-order", `#${node} runs sequence ${sequence} after ${last}`);
      orderedUpTo.set(node, sequence);
      // a view that started without it convicts more than the fork itself does
      committed(certificate);
      const known = blocks[sequence];
      if (known === undefined) first(certificate, batch);
      else if (known.digest !== digest) {
        const culprits = whoCommittedBoth(known.certificate, certificate);
        violate("agreement", `#${node} runs ${digest} at sequence ${sequence}, others ran ${known.digest}${named(culprits)}`, culprits);
      }
    },
    executed(node, sequence, stateRoot, logHash, answers) {
      const block = blocks[sequence];
      if (block === undefined) return violate("total-order", `#${node} has run sequence ${sequence}, which was not ordered`);
      block.roots ??= { stateRoot, logHash };
      judgeRoots(node, sequence, stateRoot, logHash);
      if (answers === undefined)
        return violate("durable-before-said", `#${node} has run sequence ${sequence}, and its answers are not on its disk`);
      if (block.answers !== undefined) {
        if (!same(block.answers, answers)) violate("reply-truth", `#${node} has other answers at sequence ${sequence}`);
        return;
      }
      if (sequence !== executedUpTo + 1) return;
      block.answers = answers;
      executedUpTo = sequence;
      judgeAnswers(sequence, block, answers);
    },
    stable: judgeRoots,
    restarted(node, sequence, logHash) {
      orderedUpTo.set(node, sequence);
      if (logHashes[sequence] !== logHash) violate("total-order", `#${node} comes back with another history at sequence ${sequence}`);
    },
    position: (request) => positions.get(request),
    isSettled: (request) => settled.has(request),
    results: ({ sequence, index }) => results.get(`${sequence}/${index}`),
    digestAt: (sequence) => blocks[sequence]?.digest,
    model,
    get executedUpTo() {
      return executedUpTo;
    },
    get top() {
      return blocks.length - 1;
    },
    get requests() {
      return positions.size;
    },
  };
};
