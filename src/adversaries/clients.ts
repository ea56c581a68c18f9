/** Liars to clients: what they are told through HTTP, proofs included, and what validators sign for each other's clients. */
import { decodeOperation, encodeResult } from "../ledger/kv/encoding.ts";
import type { KvOperation, KvResult, SimpleOperation, SimpleResult } from "../ledger/kv/operations.ts";
import type { Digest, PublicKey, Sequence, View } from "../protocol/ids.ts";
import type { CommitCertificate } from "../protocol/messages.ts";
import { type AnswerProof, type BlockRecord, done, failed, type KvEntry, type KvRead } from "../node/service.ts";
import type { NodeService, Outcome, RequestReport } from "../node/service.ts";
import { decodeRequest } from "../wire/requests.ts";
import { decodeSyncFrame, encodeFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, pickBelow, randomHex } from "./kit.ts";

/** What a node's clients are told instead of what it would tell them. */
export type ClientAdversary = (service: NodeService, kit: AdversaryKit) => NodeService;

const digest = (kit: AdversaryKit): Digest => randomHex(kit) as Digest;
const later = (sequence: Sequence): Sequence => (sequence + 1) as Sequence;

/** The same bytes with one bit turned. */
const turned = (kit: AdversaryKit, bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes.length === 0 ? [0] : bytes);
  const at = pickBelow(kit, copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << pickBelow(kit, 8));
  return copy;
};

/** What an operation might come to that was never executed. */
const inventedSimple = (operation: SimpleOperation): SimpleResult => {
  if (operation.type === "put") return { type: "put", version: (operation.expect ?? 0) + 1 };
  return operation.type === "delete" ? { type: "delete", deleted: true } : { type: "get" };
};
const invented = (operation: KvOperation): KvResult => {
  if (operation.type === "time") return { type: "time", timestamp: 0 };
  if (operation.type !== "txn") return inventedSimple(operation);
  return { type: "txn", succeeded: true, results: operation.success.map(inventedSimple) };
};

const wrongResult = (kit: AdversaryKit, result: KvResult): KvResult => {
  switch (result.type) {
    case "put":
    case "conflict":
      return { ...result, version: result.version + 1 };
    case "delete":
      return { ...result, deleted: !result.deleted };
    case "get":
      return result.entry === undefined || kit.random() < 0.3
        ? { type: "get", ...(result.entry === undefined ? { entry: { value: Uint8Array.of(33), version: 1 } } : {}) }
        : { type: "get", entry: { ...result.entry, value: turned(kit, result.entry.value) } };
    case "txn":
      return { ...result, succeeded: !result.succeeded };
    case "time":
      return { ...result, timestamp: result.timestamp + 1 };
    default:
      return result;
  }
};

const wrongCertificate = (kit: AdversaryKit, certificate: CommitCertificate): CommitCertificate => {
  switch (pickBelow(kit, 4)) {
    case 0:
      return { ...certificate, digest: digest(kit) };
    case 1:
      return { ...certificate, view: (certificate.view + 1) as View };
    case 2:
      return { ...certificate, commits: certificate.commits.slice(1) };
    default:
      return { ...certificate, sequence: later(certificate.sequence) };
  }
};

const wrongReport = (kit: AdversaryKit, report: RequestReport): RequestReport => {
  const { sequence, index, results, certificate } = report;
  if (sequence === undefined || index === undefined || results === undefined) return { ...report, state: "committed" };
  switch (pickBelow(kit, 5)) {
    case 0:
      return { ...report, sequence: later(sequence) };
    case 1:
      return { ...report, index: index + 1 };
    case 2:
      return { ...report, results: results.map((bytes) => turned(kit, bytes)) };
    case 3:
      return certificate === undefined ? report : { ...report, certificate: wrongCertificate(kit, certificate) };
    default:
      return { ...report, id: digest(kit) };
  }
};

const wrongProof = (kit: AdversaryKit, proof: AnswerProof): AnswerProof => {
  const { receipts } = proof;
  switch (pickBelow(kit, 5)) {
    case 0:
      return { ...proof, siblings: proof.siblings.length === 0 ? [digest(kit)] : proof.siblings.map(() => digest(kit)) };
    case 1:
      return { ...proof, previousLogHash: digest(kit) };
    case 2:
      return { ...proof, receipts: { ...receipts, resultsRoot: digest(kit) } };
    case 3:
      return {
        ...proof,
        receipts: {
          ...receipts,
          signatures: receipts.signatures.map((each) => ({ ...each, signature: turned(kit, each.signature) as typeof each.signature })),
        },
      };
    default:
      return { ...proof, receipts: { ...receipts, sequence: later(receipts.sequence) } };
  }
};

const wrongEntry = (kit: AdversaryKit, entry: KvEntry): KvEntry =>
  kit.random() < 0.5 ? { ...entry, value: turned(kit, entry.value) } : { ...entry, version: entry.version + 1 };

const wrongRead = (kit: AdversaryKit, read: KvRead): KvRead => {
  const { entry, proof } = read;
  if (proof !== undefined && kit.random() < 0.3) return { ...read, proof: { ...proof, path: turned(kit, proof.path) } };
  if (proof !== undefined && kit.random() < 0.3)
    return { ...read, proof: { ...proof, checkpoint: { ...proof.checkpoint, stateRoot: digest(kit) } } };
  if (entry === undefined) return { ...read, asOf: later(read.asOf) };
  if (kit.random() < 0.7) return { ...read, entry: wrongEntry(kit, entry) };
  const { entry: _, ...absent } = read;
  return absent;
};

const wrongBlock = (kit: AdversaryKit, block: BlockRecord): BlockRecord =>
  kit.random() < 0.5 ? { ...block, logHash: digest(kit) } : { ...block, certificate: wrongCertificate(kit, block.certificate) };

/** Says that it was executed, and never asks anybody. */
const inventedReport = (service: NodeService, bytes: Uint8Array): Outcome<RequestReport> | undefined => {
  const decoded = decodeRequest(bytes);
  if (!decoded.ok) return undefined;
  const operations = decoded.value.operations.map(decodeOperation);
  const results = operations.map((operation) => encodeResult(operation === undefined ? { type: "malformed" } : invented(operation)));
  return done({
    id: decoded.value.id,
    state: "committed",
    sequence: later(service.status().sequence.executed as Sequence),
    index: 0,
    results,
  });
};

/**
 * Tells clients other values, versions, places, proofs and certificates than there are, that what it never passed on was executed, and what is old as
 * if it were new.
 */
export const lieToClients: ClientAdversary = (service, kit) => {
  const sometimes = (): boolean => kit.random() < 0.3;
  const status = service.status;
  return {
    ...service,
    status: () => {
      const { sequence, ...said } = status();
      return { ...said, logHash: digest(kit), sequence: { ...sequence, executed: sequence.executed + 1 } };
    },
    async submitOperations(operations) {
      if (sometimes()) {
        const sequence = later(status().sequence.executed as Sequence);
        return operations.map((operation) => done({ result: invented(operation), sequence, requestId: digest(kit) }));
      }
      const outcomes = await service.submitOperations(operations);
      return outcomes.map((outcome) => (outcome.ok ? done({ ...outcome.value, result: wrongResult(kit, outcome.value.result) }) : outcome));
    },
    async submitRequest(bytes) {
      const lie = sometimes() ? inventedReport(service, bytes) : undefined;
      if (lie !== undefined) return lie;
      const outcome = await service.submitRequest(bytes);
      return outcome.ok && !sometimes() ? done(wrongReport(kit, outcome.value)) : outcome;
    },
    requestState: async (id) => wrongReport(kit, await service.requestState(id)),
    async proveAnswer(sequence, index) {
      const proof = await service.proveAnswer(sequence, index);
      return proof === undefined ? undefined : wrongProof(kit, proof);
    },
    // whoever reads after it reads what happens to be here
    readBarrier: () => Promise.resolve(done(status().sequence.executed as Sequence)),
    async get(key, consistency) {
      const read = await service.get(key, consistency);
      return read.ok ? done(wrongRead(kit, read.value)) : read;
    },
    async list(query) {
      const page = await service.list(query);
      if (!page.ok) return page;
      const entries = page.value.entries.filter(() => kit.random() < 0.8).map((entry) => ({ ...entry, ...wrongEntry(kit, entry) }));
      return done({ ...page.value, entries });
    },
    async block(sequence) {
      const block = await service.block(sequence);
      return block === undefined ? undefined : wrongBlock(kit, block);
    },
    blocks: async (range) => (await service.blocks(range)).map((block) => wrongBlock(kit, block)),
  };
};

/** The validator's part of it: it vouches, to the nodes that collect receipts for their clients, for what nobody executed, or badly. */
export const falseReceipts: Adversary = (network, kit) =>
  intercept(network, {
    out(_to, channel, frame) {
      const decoded = channel === "sync" ? decodeSyncFrame(frame) : undefined;
      if (decoded?.ok !== true || decoded.value.kind !== "receipt") return [frame];
      const receipt = decoded.value;
      if (kit.random() < 0.5) return [encodeFrame({ ...receipt, signature: turned(kit, receipt.signature) as typeof receipt.signature })];
      return [encodeFrame(kit.signer.signReceipt({ ...receipt, resultsRoot: digest(kit) }, receipt.replica))];
    },
  });

/** Turns a client away who comes to it directly. */
export const refuseClient =
  (key: PublicKey): ClientAdversary =>
  (service) => ({
    ...service,
    submitRequest: (bytes) => {
      const decoded = decodeRequest(bytes);
      const censored = decoded.ok && decoded.value.client === key;
      return censored
        ? Promise.resolve(failed({ code: "overloaded", message: "too busy", retryAfterSeconds: 1 }))
        : service.submitRequest(bytes);
    },
  });
