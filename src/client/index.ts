/** Entry point `byzantine-coordinator/client`. */
export type * from "./answers.ts";
export { ClientError, type ClientErrorCode } from "./errors.ts";
export type { HttpClientOptions } from "./http-transport.ts";
export { type Bytes, createHttpClient, type HttpClient, type ListOptions, percentEncode, type PutOptions } from "./http-client.ts";
export { createSigningClient, type RequestSigner, type SigningClient, type SigningClientOptions } from "./signing-client.ts";
export { createRequestSigner } from "./request-signer.ts";
