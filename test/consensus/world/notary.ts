/**
 * Signatures and hashes that can not be forged, without cryptography: a signature is an object that the notary gave out for exactly one
 * content of one signer. A copy of it under any other content, a made-up one, or one of another signer does not verify.
 */
import type { Digest, PublicKey, ReplicaIndex, Signature } from "../../../src/protocol/ids.ts";
import type {
  Batch,
  CheckpointCertificate,
  ConsensusMessage,
  PreparedCertificate,
  Request,
  Verified,
  VoteSignature,
} from "../../../src/protocol/messages.ts";

export interface Notary {
  /** The same content gives the same signature, as Ed25519 does. */
  sign(signer: ReplicaIndex, message: ConsensusMessage): Signature;
  isSigned(signer: ReplicaIndex, message: ConsensusMessage, signature: Signature): boolean;
  /** Collision-free: equal contents and only they have equal digests. */
  hash(content: string): Digest;
  /** Signed by its client. */
  createRequest(client: string, sequence: number, bytes?: number): Verified<Request>;
  createBatch(timestamp: number, requests: readonly Request[]): Batch;
  /** The batch is what its digest says. */
  isBatch(batch: Batch): boolean;
  readonly emptyBatch: Batch;
}

export const createNotary = (): Notary => {
  const digests = new Map<string, Digest>();
  const issued = new Map<string, Signature>();
  const contentBySignature = new WeakMap<Signature, string>();
  const numberBySignature = new WeakMap<Signature, number>();
  const genuineBatches = new WeakSet<Batch>();

  const hash = (content: string): Digest => {
    const known = digests.get(content);
    if (known !== undefined) return known;
    const digest = (digests.size + 1).toString(16).padStart(64, "0") as Digest;
    digests.set(content, digest);
    return digest;
  };
  const mark = (signature: Signature): string => String(numberBySignature.get(signature) ?? "forged");
  const marks = (signatures: readonly VoteSignature[]): string =>
    signatures.map((one) => `${one.replica}=${mark(one.signature)}`).join(",");
  const stableText = (c: CheckpointCertificate): string =>
    `${c.epoch}/${c.sequence}/${c.stateRoot}/${c.logHash}/${c.epochRoot}/${marks(c.signatures)}`;
  const preparedText = (c: PreparedCertificate): string =>
    `${c.epoch}/${c.view}/${c.sequence}/${c.digest}/${mark(c.proposalSignature)}/${marks(c.prepares)}`;

  const contentOf = (message: ConsensusMessage): string => {
    switch (message.kind) {
      case "pre-prepare":
      case "prepare":
      case "commit":
        return `${message.kind}|${message.epoch}|${message.view}|${message.sequence}|${message.digest}`;
      case "checkpoint":
        return `checkpoint|${message.epoch}|${message.sequence}|${message.stateRoot}|${message.logHash}|${message.epochRoot}`;
      case "view-change":
        return `view-change|${message.epoch}|${message.view}|${stableText(message.stable)}|${message.prepared.map(preparedText).join(";")}`;
      case "new-view": {
        const changes = message.viewChanges.map((one) => `${one.message.replica}=${mark(one.signature)}`).join(",");
        return `new-view|${message.epoch}|${message.view}|${changes}|${message.proposals.map((o) => `${o.sequence}=${o.digest}`).join(",")}`;
      }
    }
  };

  const issue = (content: string): Signature => {
    const known = issued.get(content);
    if (known !== undefined) return known;
    const signature = new Uint8Array(64) as Signature;
    issued.set(content, signature);
    contentBySignature.set(signature, content);
    numberBySignature.set(signature, issued.size);
    return signature;
  };

  const batchDigest = (timestamp: number, requests: readonly Request[]): Digest =>
    hash(`batch|${timestamp}|${requests.map((request) => request.id).join(",")}`);
  const createBatch = (timestamp: number, requests: readonly Request[]): Batch => {
    const length = 16 + requests.reduce((sum, request) => sum + request.bytes.length, 0);
    const batch: Batch = { kind: "batch", timestamp, requests, digest: batchDigest(timestamp, requests), bytes: { length } as Uint8Array };
    genuineBatches.add(batch);
    return batch;
  };

  return {
    sign: (signer, message) => issue(`${signer}|${contentOf(message)}`),
    isSigned: (signer, message, signature) => contentBySignature.get(signature) === `${signer}|${contentOf(message)}`,
    hash,
    createRequest(client, sequence, bytes = 128) {
      const id = hash(`request|${client}|${sequence}`);
      const signature = issue(`${client}|request|${sequence}`);
      const request: Request = {
        kind: "request",
        client: client as PublicKey,
        sequence,
        operations: [],
        signature,
        id,
        bytes: { length: bytes } as Uint8Array,
      };
      return request as Verified<Request>;
    },
    createBatch,
    isBatch(batch) {
      if (!genuineBatches.has(batch) && batch.digest === batchDigest(batch.timestamp, batch.requests)) genuineBatches.add(batch);
      return genuineBatches.has(batch);
    },
    emptyBatch: createBatch(0, []),
  };
};
