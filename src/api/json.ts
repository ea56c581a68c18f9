/** The ledger's values as JSON (docs/http.md). */
import { Buffer, isUtf8 } from "node:buffer";
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "../ledger/kv/operations.ts";
import type { CheckpointCertificate, CommitCertificate, Request, VoteSignature } from "../protocol/messages.ts";
import type { BlockRecord, KvEntry, RequestReport, StateProof } from "../node/service.ts";
import { refuseInvalid } from "./problem.ts";

/** Reads and writes the built-in key-value store's bytes; undefined for bytes that are none of it. */
export interface KeyValueCodec {
  decodeOperation(bytes: Uint8Array): KvOperation | undefined;
  decodeResult(bytes: Uint8Array): KvResult | undefined;
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
export const toBase64 = (bytes: Uint8Array): string => view(bytes).toString("base64");

/** @throws Refusal `invalid_request` unless `text` is the canonical base64 of some bytes */
export const strictBase64 = (text: string, what: string): Uint8Array => {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : refuseInvalid(`${what} is not base64`);
};

/** UTF-8 where it is; otherwise base64, marked as such. */
export const keyJson = (key: Uint8Array): { key: string; keyEncoding?: "base64" } =>
  isUtf8(key) ? { key: view(key).toString("utf8") } : { key: toBase64(key), keyEncoding: "base64" };

export const valueJson = (value: Uint8Array): { value: string; encoding: "utf8" | "base64" } =>
  isUtf8(value) ? { value: view(value).toString("utf8"), encoding: "utf8" } : { value: toBase64(value), encoding: "base64" };

const signaturesJson = (signatures: readonly VoteSignature[]) =>
  signatures.map(({ replica, signature }) => ({ replica: replica as number, signature: toBase64(signature) }));

const makeCertificateJson = ({ epoch, view: inView, sequence, digest, commits }: CommitCertificate) => ({
  epoch: epoch as number,
  view: inView as number,
  sequence: sequence as number,
  digest: digest as string,
  signatures: signaturesJson(commits),
});

const certificates = new WeakMap<CommitCertificate, ReturnType<typeof makeCertificateJson>>();

/** One object for all answers of a batch, whose requests share their certificate. */
export const certificateJson = (certificate: CommitCertificate): Readonly<ReturnType<typeof makeCertificateJson>> => {
  const known = certificates.get(certificate) ?? makeCertificateJson(certificate);
  certificates.set(certificate, known);
  return known;
};

export const checkpointJson = ({ epoch, sequence, stateRoot, logHash, epochRoot, signatures }: CheckpointCertificate) => ({
  epoch: epoch as number,
  sequence: sequence as number,
  stateRoot: stateRoot as string,
  logHash: logHash as string,
  epochRoot: epochRoot as string,
  signatures: signaturesJson(signatures),
});

export const proofJson = ({ checkpoint, path }: StateProof) => ({ checkpoint: checkpointJson(checkpoint), path: toBase64(path) });

export const entryJson = ({ key, value, version, sequence }: KvEntry) => ({
  ...keyJson(key),
  ...valueJson(value),
  version,
  sequence: sequence as number,
});

const simpleOperationJson = (operation: SimpleOperation) => {
  const expectation = "expect" in operation && operation.expect !== undefined ? { ifVersion: operation.expect } : {};
  switch (operation.type) {
    case "put":
      return { type: operation.type, ...keyJson(operation.key), ...valueJson(operation.value), ...expectation };
    case "delete":
      return { type: operation.type, ...keyJson(operation.key), ...expectation };
    case "get":
      return { type: operation.type, ...keyJson(operation.key) };
  }
};

const comparisonJson = (comparison: Comparison) =>
  comparison.type === "version"
    ? { ...keyJson(comparison.key), version: comparison.version }
    : { ...keyJson(comparison.key), ...valueJson(comparison.value) };

const operationJson = (bytes: Uint8Array, codec: KeyValueCodec | undefined) => {
  const operation = codec?.decodeOperation(bytes);
  if (operation === undefined) return { type: "unknown" as const, bytes: toBase64(bytes) };
  switch (operation.type) {
    case "time":
      return { type: operation.type };
    case "txn":
      return {
        type: operation.type,
        compare: operation.compare.map(comparisonJson),
        success: operation.success.map(simpleOperationJson),
        failure: operation.failure.map(simpleOperationJson),
      };
    default:
      return simpleOperationJson(operation);
  }
};

export const simpleResultJson = (result: SimpleResult) => {
  if (result.type !== "get") return { ...result };
  if (result.entry === undefined) return { type: result.type, found: false as const };
  return { type: result.type, found: true as const, ...valueJson(result.entry.value), version: result.entry.version };
};

const resultJson = (result: KvResult) => {
  switch (result.type) {
    case "txn":
      return { type: result.type, succeeded: result.succeeded, results: result.results.map(simpleResultJson) };
    case "txn-refused":
      return { type: result.type, index: result.index, result: simpleResultJson(result.result) };
    case "time":
    case "malformed":
      return { ...result };
    default:
      return simpleResultJson(result);
  }
};

/** All results decoded, or nothing: half of them would mislead. */
const resultsJson = (results: readonly Uint8Array[], codec: KeyValueCodec) => {
  const decoded = results.map((bytes) => codec.decodeResult(bytes));
  return decoded.every((result) => result !== undefined) ? { result: decoded.map(resultJson) } : {};
};

export const requestReportJson = (report: RequestReport, codec: KeyValueCodec | undefined) => ({
  id: report.id as string,
  state: report.state,
  ...(report.sequence === undefined ? {} : { sequence: report.sequence as number }),
  ...(report.index === undefined ? {} : { index: report.index }),
  ...(report.results === undefined || codec === undefined ? {} : resultsJson(report.results, codec)),
  ...(report.results === undefined ? {} : { results: report.results.map(toBase64) }),
  ...(report.certificate === undefined ? {} : { certificate: certificateJson(report.certificate) }),
});

const blockRequestJson = ({ id, client, sequence, operations }: Request, codec: KeyValueCodec | undefined) => ({
  id: id as string,
  client: client as string,
  sequence,
  operations: operations.map((operation) => operationJson(operation, codec)),
});

export const blockJson = ({ certificate, batch, logHash }: BlockRecord, codec: KeyValueCodec | undefined) => ({
  sequence: certificate.sequence as number,
  epoch: certificate.epoch as number,
  view: certificate.view as number,
  digest: certificate.digest as string,
  logHash: logHash as string,
  timestamp: batch.timestamp,
  requests: batch.requests.map((request) => blockRequestJson(request, codec)),
  certificate: certificateJson(certificate),
});
