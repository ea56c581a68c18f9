/** Typed calls to a node's HTTP interface (docs/http.md). It believes the node it asks; `createClient` does not. */
import type {
  BlockAnswer,
  Consistency,
  DeleteAnswer,
  GetAnswer,
  ListAnswer,
  PeerAnswer,
  PutAnswer,
  ReadyAnswer,
  RequestAnswer,
  StateAnswer,
  StatusAnswer,
  TxnAnswer,
  TxnRequest,
  ValidatorAnswer,
} from "./answers.ts";
import { ClientError } from "./errors.ts";
import type { EvidenceAnswer, ExplainAnswer } from "./operate-answers.ts";
import type { CertifiedAnswer, CertifiedStateAnswer } from "./proof-document.ts";
import type { PartitionAnswer } from "./partition-answers.ts";
import type { SharedAnswer, SharedChange, SharedEditAnswer, SharedListAnswer } from "./shared-answers.ts";
import { createTransport, type Exchange, type HttpClientOptions, parseJson } from "./http-transport.ts";

/** Text stands for its UTF-8 bytes. */
export type Bytes = Uint8Array | string;

/** `ifVersion` 0 and `ifAbsent` mean the same: the key must not exist. */
export interface PutOptions {
  readonly ifVersion?: number;
  readonly ifAbsent?: boolean;
}

export interface ListOptions {
  readonly prefix?: Bytes;
  /** exclusive */
  readonly after?: Bytes;
  /** 1..1000, 100 by default */
  readonly limit?: number;
  readonly consistency?: Consistency;
}

/** Every call throws `ClientError` when it has no answer to give. */
export interface HttpClient {
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<PutAnswer>;
  /** undefined when there is no such key */
  get(key: Bytes, options?: { readonly consistency?: Consistency }): Promise<GetAnswer | undefined>;
  /** the value's own bytes; undefined when there is no such key */
  getRaw(key: Bytes, options?: { readonly consistency?: Consistency }): Promise<Uint8Array | undefined>;
  delete(key: Bytes, options?: { readonly ifVersion?: number }): Promise<DeleteAnswer>;
  list(options?: ListOptions): Promise<ListAnswer>;
  /** every entry of all pages from `after` on; each page is a read of its own */
  listAll(options?: ListOptions): AsyncIterable<ListAnswer["items"][number]>;
  txn(request: TxnRequest): Promise<TxnAnswer>;
  /** As it is answered, proof and all, for `verifyRead`: also that there is no such key. */
  getCertified(key: Bytes): Promise<CertifiedAnswer>;
  /** What an application other than the key-value store keeps under a key of its state; undefined when there is no such key. */
  getState(key: Bytes, options?: { readonly consistency?: Consistency }): Promise<StateAnswer | undefined>;
  /** As it is answered, proof and all, for `verifyState`: also that there is no such key. */
  getCertifiedState(key: Bytes): Promise<CertifiedStateAnswer>;
  /** A signed request in its exact bytes; may be repeated without harm. `proof`: for `verifyAnswer`. */
  submitRequest(bytes: Uint8Array, options?: { readonly proof?: boolean }): Promise<RequestAnswer>;
  request(id: string, options?: { readonly proof?: boolean }): Promise<RequestAnswer>;
  status(): Promise<StatusAnswer>;
  validators(): Promise<readonly ValidatorAnswer[]>;
  peers(): Promise<readonly PeerAnswer[]>;
  /** why nothing is committed right now, if it is not */
  explain(): Promise<ExplainAnswer>;
  /** Prometheus text */
  metrics(): Promise<string>;
  /** oldest first */
  partitions(): Promise<readonly PartitionAnswer[]>;
  /** every proof of misbehaviour that the node keeps, in the order in which it found them; of all pages */
  evidence(): Promise<readonly EvidenceAnswer[]>;
  /** undefined when the node keeps none of that id */
  evidenceOf(id: string): Promise<EvidenceAnswer | undefined>;
  /** the shared documents that the node has, ascending by name */
  listShared(): Promise<SharedListAnswer>;
  /** undefined when the node has no such document */
  shared(name: string, options?: { readonly proof?: boolean }): Promise<SharedAnswer | undefined>;
  /** its content in canonical bytes; undefined when the node has no such document */
  sharedRaw(name: string): Promise<Uint8Array | undefined>;
  /** All of the changes or none; with or without a quorum. Repeating it makes the changes twice. */
  editShared(name: string, changes: readonly SharedChange[]): Promise<SharedEditAnswer>;
  /** undefined when the node does not have it */
  block(sequence: number): Promise<BlockAnswer | undefined>;
  blocks(range?: { readonly from?: number; readonly limit?: number }): Promise<readonly BlockAnswer[]>;
  /** also when the node is not ready */
  ready(): Promise<ReadyAnswer>;
}

const utf8 = new TextEncoder();
const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? utf8.encode(bytes) : bytes);

/** Percent-encodes every byte that is not unreserved in a URL: any bytes can be a key. */
export const percentEncode = (bytes: Bytes): string => {
  let text = "";
  for (const byte of toBytes(bytes)) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
};

const query = (parameters: Readonly<Record<string, string | number | undefined>>): string => {
  const parts = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
};

const expectation = (options: PutOptions | undefined): Record<string, string> => {
  if (options?.ifAbsent === true || options?.ifVersion === 0) return { "if-none-match": "*" };
  return options?.ifVersion === undefined ? {} : { "if-match": `"${options.ifVersion}"` };
};

const sharedPath = (name: string): string => {
  // a URL parser resolves these; no document is called so
  if (name === "." || name === "..") throw new ClientError({ code: "invalid_request", message: `no document is called ${name}` });
  return `/v1/shared/${percentEncode(name)}`;
};

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** How calls are made. */
interface Calls {
  json<T>(request: Exchange): Promise<T>;
  read<T>(path: string): Promise<T>;
  orAbsent<T>(answer: Promise<T>): Promise<T | undefined>;
  readonly exchange: ReturnType<typeof createTransport>["exchange"];
}

const sharedCalls = ({
  json,
  read,
  orAbsent,
  exchange,
}: Calls): Pick<HttpClient, "listShared" | "shared" | "sharedRaw" | "editShared"> => ({
  listShared: () => read("/v1/shared"),
  shared: async (name, { proof = false } = {}) => orAbsent(read<SharedAnswer>(`${sharedPath(name)}${proof ? "?proof=1" : ""}`)),
  sharedRaw: async (name) =>
    orAbsent(exchange({ method: "GET", path: `${sharedPath(name)}?raw=1`, repeatable: true }).then(({ body }) => body)),
  editShared: async (name, changes) =>
    json({
      method: "POST",
      path: sharedPath(name),
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ changes }),
      repeatable: false,
    }),
});

/** Page after page; a node keeps a bounded number. */
const allEvidence = async (read: Calls["read"]): Promise<readonly EvidenceAnswer[]> => {
  const found: EvidenceAnswer[] = [];
  for (;;) {
    const page = await read<readonly EvidenceAnswer[]>(`/v1/evidence${query({ after: found.at(-1)?.id })}`);
    if (page.length === 0) return found;
    found.push(...page);
  }
};

/** @param named a member that an answer about something absent has; without it there is no such address here */
const orAbsent = async <T>(answer: Promise<T>, named?: string): Promise<T | undefined> => {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClientError && error.code === "not_found" && (named === undefined || named in error.details)) return undefined;
    throw error;
  }
};

/** @throws ClientError `invalid_request` when a URL is not one */
export const createHttpClient = (options: HttpClientOptions): HttpClient => {
  const transport = createTransport(options);
  const json = async <T>(request: Exchange): Promise<T> => parseJson((await transport.exchange(request)).body, request.path) as T;
  const read = async <T>(path: string): Promise<T> => json<T>({ method: "GET", path, repeatable: true });
  const keyPath = (key: Bytes, room: "kv" | "state" = "kv"): string => {
    const encoded = percentEncode(key);
    // a URL parser resolves these segments even when they are percent-encoded
    if (encoded === "." || encoded === "..") {
      throw new ClientError({ code: "invalid_request", message: `the key ${encoded} has no URL`, hint: "use a transaction" });
    }
    return `/v1/${room}/${encoded}`;
  };
  const list = (range: ListOptions = {}): Promise<ListAnswer> =>
    read(
      `/v1/kv${query({
        prefix: range.prefix === undefined ? undefined : percentEncode(range.prefix),
        after: range.after === undefined ? undefined : percentEncode(range.after),
        limit: range.limit,
        consistency: range.consistency,
      })}`,
    );

  return {
    put: async (key, value, condition) =>
      json({ method: "PUT", path: keyPath(key), headers: expectation(condition), body: toBytes(value), repeatable: false }),
    get: async (key, { consistency } = {}) => orAbsent(read<GetAnswer>(keyPath(key) + query({ consistency })), "key"),
    getRaw: async (key, { consistency } = {}) =>
      orAbsent(
        transport
          .exchange({ method: "GET", path: keyPath(key) + query({ consistency, raw: 1 }), repeatable: true })
          .then(({ body }) => body),
        "key",
      ),
    delete: async (key, condition) => json({ method: "DELETE", path: keyPath(key), headers: expectation(condition), repeatable: false }),
    list,
    async *listAll(range = {}) {
      let after = range.after;
      for (;;) {
        const page = await list({ ...range, ...(after === undefined ? {} : { after }) });
        yield* page.items;
        if (page.next === undefined) return;
        after = page.nextEncoding === "base64" ? fromBase64(page.next) : page.next;
      }
    },
    txn: (request) =>
      json({
        method: "POST",
        path: "/v1/txn",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
        repeatable: false,
      }),
    getCertified: (key) => json({ method: "GET", path: `${keyPath(key)}?consistency=certified`, repeatable: true, accept: [404] }),
    getState: async (key, { consistency } = {}) => orAbsent(read<StateAnswer>(keyPath(key, "state") + query({ consistency }))),
    getCertifiedState: (key) =>
      json({ method: "GET", path: `${keyPath(key, "state")}?consistency=certified`, repeatable: true, accept: [404] }),
    submitRequest: (bytes, { proof } = {}) =>
      json({
        method: "POST",
        path: `/v1/requests${proof === true ? "?proof=1" : ""}`,
        headers: { "content-type": "application/octet-stream" },
        body: bytes,
        repeatable: true,
      }),
    request: (id, { proof } = {}) => read(`/v1/requests/${percentEncode(id)}${proof === true ? "?proof=1" : ""}`),
    status: () => read("/v1/status"),
    validators: () => read("/v1/validators"),
    peers: () => read("/v1/peers"),
    explain: () => read("/v1/explain"),
    metrics: async () => {
      const { body } = await transport.exchange({ method: "GET", path: "/metrics", headers: { accept: "text/plain" }, repeatable: true });
      return new TextDecoder().decode(body);
    },
    partitions: () => read("/v1/partitions"),
    evidence: () => allEvidence(read),
    evidenceOf: (id) => orAbsent(read<EvidenceAnswer>(`/v1/evidence/${percentEncode(id)}`)),
    ...sharedCalls({ json, read, orAbsent, exchange: transport.exchange }),
    block: (sequence) => orAbsent(read<BlockAnswer>(`/v1/blocks/${sequence}`)),
    blocks: ({ from, limit } = {}) => read(`/v1/blocks${query({ from, limit })}`),
    ready: () => json({ method: "GET", path: "/readyz?verbose", repeatable: true, accept: [503] }),
  };
};
