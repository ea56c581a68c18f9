/** Entry point `byzantine-coordinator/client`. */
export type * from "./answers.ts";
export type * from "./operate-answers.ts";
export type * from "./partition-answers.ts";
export type * from "./shared-answers.ts";
export { type AnchorDocument, createAnchorDocument, type ProvenAnchor, verifyAnchorDocument } from "./anchor-document.ts";
export { watchEvents, type WatchOptions } from "./watch-events.ts";
export { type Client, createClient, type ClientOptions, type Distrust, type Place } from "./client.ts";
export { openClientKey } from "./client-key.ts";
export { createPassphrase, type Passphrase } from "../signing/passphrase.ts";
export { ClientError, type ClientErrorCode } from "./errors.ts";
export { kv, type KeyValueCalls, type Transaction } from "./key-value-calls.ts";
export type { HttpClientOptions } from "./http-transport.ts";
export { type Bytes, createHttpClient, type HttpClient, type ListOptions, percentEncode, type PutOptions } from "./http-client.ts";
export { createSigningClient, type RequestSigner, type SigningClient, type SigningClientOptions } from "./signing-client.ts";
export { createRequestSigner } from "./request-signer.ts";
export {
  type CertifiedAnswer,
  type CertifiedStateAnswer,
  type AnswerDocument,
  type CertifiedDocument,
  createAnswerDocument,
  createProofDocument,
  type ProofDocument,
  type ProvenDocument,
  verifyProofDocument,
} from "./proof-document.ts";
export type { ProofProblem } from "./proof-json.ts";
export type { Unproven } from "./trust.ts";
export { type AnswerVerdict, joinAnswers, type ProvenAnswer, verifyAnswer } from "./verify-answer.ts";
export { type ProvenEvidence, verifyEvidence } from "./verify-evidence.ts";
export {
  type ProvenEntry,
  type ProvenRead,
  type ProvenState,
  type ReadVerdict,
  type StateVerdict,
  verifyRead,
  verifyState,
} from "./verify-read.ts";
export { type Genesis, GenesisError, loadGenesis, parseGenesis } from "../node/home/genesis.ts";
export type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "../ledger/kv/operations.ts";
export type { CertifiedRange } from "./list-calls.ts";
export { type ListRange, type ProvenItem, type ProvenList, verifyList } from "./verify-list.ts";
