/** From a key and a network to signed requests. */
import type { Digest } from "../protocol/ids.ts";
import type { KeyPair } from "../signing/keys.ts";
import { signRequest } from "../signing/signer.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import type { RequestSigner } from "./signing-client.ts";

/**
 * Signs for the network with this genesis; the signature is worthless in any other (PROTOCOL §2).
 *
 * The signer throws RangeError when a request would break a limit of protocol/limits.
 */
export const createRequestSigner = (key: KeyPair, genesisHash: Digest): RequestSigner => {
  const signBytes = createSignBytes(genesisHash);
  return (sequence, operations) => signRequest(key, signBytes, { sequence, operations });
};
