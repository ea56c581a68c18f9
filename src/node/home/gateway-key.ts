/** The gateway's key: the home's client key, set apart. */
import { hash } from "node:crypto";
import { type KeyPair, keyFromSeed } from "../../signing/keys.ts";

/**
 * Derives the key that signs plain HTTP users' operations from `client.key`. It is another key, hence another session (PROTOCOL §9): command lines
 * that use `client.key` while the node runs can neither take the gateway's numbers nor push them out of the session's memory, nor the other way round.
 *
 * Seed: SHA-256("byz/1/gateway-key" ‖ 0x00 ‖ the client key's seed).
 */
export const gatewayKeyOf = (clientKey: KeyPair): KeyPair => {
  const seed = clientKey.exportSeed();
  const domain = Buffer.from("byz/1/gateway-key\0", "latin1");
  return keyFromSeed(hash("sha256", Buffer.concat([domain, seed]), "buffer"));
};
