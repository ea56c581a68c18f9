/** A liar among the authors of shared documents: tells one half of the others another history of his than the other half (PROTOCOL §11). */
import type { Change } from "../documents/changes.ts";
import { decodeMessage, encodeMessage } from "../documents/messages.ts";
import { decodeOperation, type DocumentOperation, signOperation } from "../documents/operation.ts";
import type { Digest } from "../protocol/ids.ts";
import { decodeSyncFrame, encodeFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, isOnOtherSide } from "./kit.ts";

/** operations whose second form is remembered; the oldest is forgotten */
const MAX_FORKED = 1024;

/** The same kind of change with another content, where that is possible. */
const otherChange = (change: Change): Change => {
  switch (change.type) {
    case "counter-add":
      return { ...change, amount: -change.amount };
    case "set-add":
    case "register-set":
    case "list-insert":
      return { ...change, value: `not ${change.value}`.slice(0, 64) };
    case "set-remove":
    case "list-remove":
    case "clear":
      return { type: "set-add", path: ["forked"], value: change.type };
  }
};

/** Each operation of this author has a second one with the same number; the second ones rest on each other. */
const createForker = ({ signer, signBytes }: AdversaryKit): ((operation: DocumentOperation) => Uint8Array) => {
  const second = new Map<Digest, DocumentOperation>();
  return (operation) => {
    const known = second.get(operation.id);
    if (known !== undefined) return known.bytes;
    const parents = operation.parents.map((id) => second.get(id)?.id ?? id).toSorted();
    const forked = signOperation(signer.key, signBytes, { ...operation, parents, changes: operation.changes.map(otherChange) });
    second.set(operation.id, forked);
    for (const oldest of second.keys()) {
      if (second.size <= MAX_FORKED) break;
      second.delete(oldest);
    }
    return forked.bytes;
  };
};

/** Forks its own history of every document that it is asked to edit. */
export const forkShared: Adversary = (network, kit) => {
  const fork = createForker(kit);
  const forked = (bytes: Uint8Array): Uint8Array => {
    const decoded = decodeOperation(bytes);
    return decoded.ok && decoded.value.author === kit.signer.key.publicKey ? fork(decoded.value) : bytes;
  };
  return intercept(network, {
    out(to, channel, frame) {
      const decoded = channel === "sync" && isOnOtherSide(kit, to) ? decodeSyncFrame(frame) : undefined;
      const message = decoded?.ok === true && decoded.value.kind === "documents" ? decodeMessage(decoded.value.bytes) : undefined;
      if (message?.ok !== true || message.value.kind !== "operations") return [frame];
      const lie = { ...message.value, operations: message.value.operations.map(forked) };
      return [encodeFrame({ kind: "documents", bytes: encodeMessage(lie) })];
    },
  });
};
