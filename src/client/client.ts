/** A client that does not have to trust the nodes it asks: it believes what it verified against the genesis (PROTOCOL §3.6, §9; docs/clients.md). */
import { keyValueStoreName } from "../ledger/kv/application.ts";
import { decodeResult, encodeOperation } from "../ledger/kv/encoding.ts";
import type { KvOperation, KvResult } from "../ledger/kv/operations.ts";
import type { Genesis } from "../node/home/genesis.ts";
import type { PublicKey, Sequence } from "../protocol/ids.ts";
import { createKey, type KeyPair } from "../signing/keys.ts";
import type { RequestAnswer } from "./answers.ts";
import { believe } from "./believe.ts";
import { ClientError } from "./errors.ts";
import { type Bytes, createHttpClient } from "./http-client.ts";
import type { HttpClientOptions } from "./http-transport.ts";
import { createLibp2pNodes, isMultiaddr } from "./libp2p-fetch.ts";
import { createKeyValueCalls, kv, type KeyValueCalls } from "./key-value-calls.ts";
import {
  type AnswerDocument,
  type CertifiedAnswer,
  type CertifiedStateAnswer,
  createAnswerDocument,
  verifyProofDocument,
} from "./proof-document.ts";
import type { ProofProblem } from "./proof-json.ts";
import { createRequestSigner } from "./request-signer.ts";
import { createSigningClient, type SigningClientOptions } from "./signing-client.ts";
import type { ProvenAnswer } from "./verify-answer.ts";
import { type CertifiedRange, listCertified } from "./list-calls.ts";
import type { ProvenList } from "./verify-list.ts";
import { type ProvenRead, type ProvenState, verifyRead, verifyState } from "./verify-read.ts";

/** A node said something that did not hold; another one may be asked. */
export interface Distrust {
  readonly url: string;
  readonly problem: ProofProblem;
  readonly message: string;
}

export interface ClientOptions extends Omit<HttpClientOptions, "urls">, Pick<SigningClientOptions, "lastSequence" | "patienceMs" | "wall"> {
  /** nodes to ask: base URLs, or multiaddrs that end with /p2p/PEER, to be reached over libp2p */
  readonly urls: readonly string[];
  /** what is trusted: the network and its validators' keys */
  readonly genesis: Genesis;
  /** signs requests; a new one when absent. `openClientKey` keeps one in a file */
  readonly key?: KeyPair;
  /** told of each answer that was not believed */
  readonly distrusted?: (distrust: Distrust) => void;
}

/** Where a request was executed, as f+1 validators signed it. */
export interface Place {
  readonly sequence: Sequence;
  readonly requestId: string;
}

/** Every call throws `ClientError`: `verification_failed` (exit status 6) when answers did not hold, `outcome_unknown` (5) when none came in time. */
export interface Client extends KeyValueCalls {
  /**
   * Keys under a prefix, from the last stable checkpoint: each entry proven, and none left out as f+1 of the nodes say alike. Pass the last key as
   * `after` for the next page, while `more` is true.
   */
  listCertified(range?: CertifiedRange): Promise<ProvenList>;
  /** Lets go of connections over libp2p, which keep a process alive; there are none to nodes with base URLs. */
  close(): Promise<void>;
  readonly publicKey: PublicKey;
  /** the last number used for a request: keep it to be independent of the clock */
  readonly lastSequence: number;
  /** Orders several operations as one request, executed in this order, each with a result of its own. */
  submit(operations: readonly KvOperation[]): Promise<Place & { readonly results: readonly KvResult[] }>;
  /** The same for any application: 1 to 1024 operations and their results in bytes. */
  submitBytes(operations: readonly Uint8Array[]): Promise<Place & { readonly results: readonly Uint8Array[] }>;
  /** An ordered read of the key-value store and its proof, for `verifyProofDocument` anywhere else; the value is undefined when there is no such key. */
  prove(key: Bytes): Promise<Place & { readonly value?: Uint8Array; readonly version: number; readonly document: AnswerDocument }>;
  /**
   * From the last stable checkpoint, without ordering anything.
   *
   * @param options.atLeast a ledger position that the answer must reflect, such as that of a write
   */
  getCertified(key: Bytes, options?: { readonly atLeast?: number }): Promise<ProvenRead & { readonly answer: CertifiedAnswer }>;
  /** The same of an application that is not the key-value store: the bytes that it keeps under a key of its state. */
  getState(key: Bytes, options?: { readonly atLeast?: number }): Promise<ProvenState & { readonly answer: CertifiedStateAnswer }>;
}

/** for one node, where there is another to turn to; alone it is waited for as long as it waits itself, milliseconds */
const timeoutAmongSeveralMs = 8_000;

const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);

/** @throws ClientError before anything is signed that another application would take for its own */
const requireKeyValueStore = ({ application }: Genesis): void => {
  if (application === keyValueStoreName) return;
  throw new ClientError({
    code: "invalid_request",
    message: `this network replicates ${application}, not the key-value store`,
    hint: "order its operations with submitBytes",
  });
};

const decodeResults = (results: readonly Uint8Array[]): KvResult[] =>
  results.map((bytes) => {
    const result = decodeResult(bytes);
    if (result === undefined)
      throw new ClientError({ code: "bad_answer", message: "the network's application is not the key-value store" });
    return result;
  });

/** @throws ClientError `invalid_request` when a URL is not one */
export const createClient = (options: ClientOptions): Client => {
  const { genesis, key = createKey() } = options;
  const timeoutMs = options.timeoutMs ?? (options.urls.length > 1 ? timeoutAmongSeveralMs : undefined);
  const libp2p = createLibp2pNodes(genesis.hash);
  const nodes = options.urls.map((url) => ({
    url,
    http: createHttpClient({
      ...options,
      ...(isMultiaddr(url) ? { fetch: libp2p.fetchFrom(url) } : {}),
      urls: [url],
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }),
  }));
  if (nodes.length === 0) throw new ClientError({ code: "invalid_request", message: "no API URL was given" });
  const distrusted = (distrust: Distrust): void => options.distrusted?.(distrust);
  /** an answer is handed on only by what proved it */
  const proven = new WeakMap<RequestAnswer, { readonly verdict: ProvenAnswer; readonly bytes: Uint8Array }>();
  const signing = createSigningClient({
    ...options,
    http: {
      async submitRequest(bytes) {
        const { answer, verdict } = await believe.request({ genesis, nodes, distrusted }, bytes);
        proven.set(answer, { verdict, bytes });
        return answer;
      },
    },
    sign: createRequestSigner(key, genesis.hash),
    window: genesis.parameters.sessionWindow,
  });

  const submitProven = async (operations: readonly Uint8Array[]) => {
    const answer = await signing.submit(operations);
    const found = proven.get(answer);
    if (found === undefined) throw new ClientError({ code: "verification_failed", message: "the answer was not verified" });
    return { answer, ...found };
  };
  const submitBytes: Client["submitBytes"] = async (operations) => {
    const { verdict } = await submitProven(operations);
    return { sequence: verdict.sequence, requestId: verdict.id, results: verdict.results };
  };
  const submit: Client["submit"] = async (operations) => {
    if (operations.some(({ type }) => type !== "time")) requireKeyValueStore(genesis);
    const { results, ...place } = await submitBytes(operations.map(encodeOperation));
    return { ...place, results: decodeResults(results) };
  };

  return {
    publicKey: key.publicKey,
    get lastSequence() {
      return signing.lastSequence;
    },
    submit,
    submitBytes,
    prove: async (key) => {
      requireKeyValueStore(genesis);
      const { verdict, answer, bytes } = await submitProven([encodeOperation(kv.get(key))]);
      const document = createAnswerDocument(genesis, bytes, answer);
      const proven = verifyProofDocument(genesis, document);
      if (!proven.ok) throw new ClientError({ code: "bad_answer", message: "the ledger answered something else than a value" });
      return {
        sequence: verdict.sequence,
        requestId: verdict.id,
        version: proven.entry?.version ?? 0,
        ...(proven.entry === undefined ? {} : { value: proven.entry.value }),
        document,
      };
    },
    getCertified: async (name, { atLeast } = {}) => {
      const bytes = toBytes(name);
      return believe.read(
        { genesis, nodes, distrusted },
        (http) => http.getCertified(bytes),
        (answer) => verifyRead(genesis, bytes, answer, atLeast),
      );
    },
    getState: async (name, { atLeast } = {}) => {
      const bytes = toBytes(name);
      return believe.read(
        { genesis, nodes, distrusted },
        (http) => http.getCertifiedState(bytes),
        (answer) => verifyState(genesis, bytes, answer, atLeast),
      );
    },
    listCertified: (range = {}) => listCertified({ genesis, nodes, distrusted }, range),
    close: libp2p.close,
    ...createKeyValueCalls(submit),
  };
};
