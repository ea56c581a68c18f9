/** The form of the strict rule that this process uses, chosen once: libsodium, or node:crypto where it can not be loaded. */
import { publicKeyProblem } from "./edwards.ts";
import type { PublicKeyProblem } from "./edwards.ts";
import { createNodeForm } from "./node-form.ts";
import type { Ed25519 } from "./rule.ts";
import { loadSodiumForm } from "./sodium-form.ts";

export type { PublicKeyProblem } from "./edwards.ts";

export const ed25519: Ed25519 = loadSodiumForm() ?? createNodeForm();

export type PublicKeyVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: PublicKeyProblem };

/**
 * Step 2 of the strict rule: may these bytes be anyone's public key? For genesis, membership and the command line: it takes about 4 ms to explain
 * a refusal.
 */
export const checkPublicKey = (publicKey: Uint8Array): PublicKeyVerdict => {
  if (ed25519.isPublicKey(publicKey)) return { ok: true };
  return { ok: false, reason: publicKeyProblem(publicKey) ?? "not-canonical" };
};

/** The whole strict rule for one signature, the key included; false for bytes of any other length. Traffic goes through the verifier. */
export const verifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  ed25519.isPublicKey(publicKey) && ed25519.verify(publicKey, message, signature);
