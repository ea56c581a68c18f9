/** Signing our own words. What we signed ourselves needs no check: it comes back as `Verified` (PROTOCOL §2). */
import type {
  Checkpoint,
  Commit,
  ExecutionRoots,
  NewView,
  PrePrepare,
  Prepare,
  Receipt,
  Request,
  Signed,
  SignedNewView,
  Verified,
  ViewChange,
} from "../protocol/messages.ts";
import type { ReplicaIndex } from "../protocol/ids.ts";
import { createRequest, requestId } from "../wire/requests.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import type { KeyPair } from "./keys.ts";

/** What one signature is enough for; a NEW-VIEW needs one for each of its proposals as well. */
export type SimpleMessage = PrePrepare | Prepare | Commit | Checkpoint | ViewChange;

export interface Signer {
  readonly key: KeyPair;
  sign<M extends SimpleMessage>(message: M): Verified<Signed<M>>;
  /** Also signs the PRE-PREPARE of each re-proposal. */
  signNewView(message: NewView): Verified<SignedNewView>;
  /** @param roots of what this replica executed, durably (PROTOCOL §3.6) */
  signReceipt(roots: ExecutionRoots, replica: ReplicaIndex): Receipt;
}

/** Signs a validator's messages; whether they may be said is for consensus and the disk to know. */
export const createSigner = (key: KeyPair, signBytes: SignBytes): Signer => {
  return {
    key,
    sign: <M extends SimpleMessage>(message: M) =>
      ({ message, signature: key.sign(signBytes.ofMessage(message)) }) satisfies Signed<M> as Verified<Signed<M>>,
    signNewView: (message) => {
      const { epoch, view } = message;
      const signed: SignedNewView = {
        message,
        signature: key.sign(signBytes.ofMessage(message)),
        proposalSignatures: message.proposals.map((proposal) => key.sign(signBytes.of("pre-prepare", { epoch, view, ...proposal }))),
      };
      return signed as Verified<SignedNewView>;
    },
    signReceipt: (roots, replica) => ({ kind: "receipt", ...roots, replica, signature: key.sign(signBytes.ofReceipt(roots)) }),
  };
};

/**
 * A client's signed request, in memory of its own.
 *
 * @param sequence the client's own number, never used before with this key (PROTOCOL §9)
 * @throws RangeError if the request would break a limit of protocol/limits
 */
export const signRequest = (
  key: KeyPair,
  signBytes: SignBytes,
  content: { readonly sequence: number; readonly operations: readonly Uint8Array[] },
): Verified<Request> => {
  const whole = { client: key.publicKey, sequence: content.sequence, operations: content.operations };
  const id = requestId(whole);
  return createRequest(whole, key.sign(signBytes.ofRequest({ sequence: whole.sequence, id }))) as Verified<Request>;
};
