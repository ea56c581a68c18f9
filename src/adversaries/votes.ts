/** Liars among the voters: two votes, votes in others' names, votes for what was never proposed, roots that nobody has. */
import type { Digest, ReplicaIndex } from "../protocol/ids.ts";
import type { Checkpoint, Commit, Prepare, PrePrepare } from "../protocol/messages.ts";
import { encodeFrame, type ConsensusFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, isOnOtherSide, ownMessage, pickBelow, randomHex } from "./kit.ts";

type Votes = Extract<ConsensusFrame, { kind: "prepare" | "commit" }>;

const signVote = (kit: AdversaryKit, message: Prepare | Commit): Uint8Array =>
  message.kind === "prepare"
    ? encodeFrame({ kind: "prepare", signed: kit.signer.sign(message) })
    : encodeFrame({ kind: "commit", signed: kit.signer.sign(message) });

const asVote = (own: ConsensusFrame | undefined): Votes | undefined =>
  own?.kind === "prepare" || own?.kind === "commit" ? own : undefined;

/** Votes for one digest here and for another there, or for both everywhere. */
export const doubleVote: Adversary = (network, kit) =>
  intercept(network, {
    out(to, channel, frame) {
      const own = asVote(ownMessage(kit, channel, frame));
      if (own === undefined) return [frame];
      const other = signVote(kit, { ...own.signed.message, digest: randomHex(kit) as Digest });
      if (kit.random() < 0.3) return [frame, other];
      return isOnOtherSide(kit, to) ? [other] : [frame];
    },
  });

/** Speaks in others' names, and passes its own signatures of one thing off as another's. */
export const forge: Adversary = (network, kit) => {
  const { committee, self } = kit;
  const inNameOf = <M extends PrePrepare | Prepare | Commit | Checkpoint>(message: M): M => ({
    ...message,
    replica: ((self + 1 + pickBelow(kit, Math.max(1, committee.n - 1))) % committee.n) as ReplicaIndex,
  });
  const forged = (own: ConsensusFrame): Uint8Array | undefined => {
    switch (own.kind) {
      case "prepare": {
        // recorded as a PREPARE, said as a COMMIT: only the kind in the signed bytes tells them apart
        const { proposalSignature: _, kind: __, ...place } = own.signed.message;
        if (kit.random() < 0.5)
          return encodeFrame({ kind: "commit", signed: { message: { ...place, kind: "commit" }, signature: own.signed.signature } });
        return encodeFrame({ kind: "prepare", signed: kit.signer.sign(inNameOf(own.signed.message)) });
      }
      case "commit":
        return encodeFrame({ kind: "commit", signed: kit.signer.sign(inNameOf(own.signed.message)) });
      case "checkpoint":
        return encodeFrame({ kind: "checkpoint", signed: kit.signer.sign(inNameOf(own.signed.message)) });
      default:
        return undefined;
    }
  };
  return intercept(network, {
    out(_to, channel, frame) {
      const own = ownMessage(kit, channel, frame);
      const lie = own === undefined ? undefined : forged(own);
      return lie === undefined ? [frame] : [lie, frame];
    },
  });
};

/** Signs checkpoints of a state that nobody has, another one for each half. */
export const badCheckpoint: Adversary = (network, kit) => {
  const roots = [randomHex(kit) as Digest, randomHex(kit) as Digest];
  return intercept(network, {
    out(to, channel, frame) {
      const own = ownMessage(kit, channel, frame);
      if (own?.kind !== "checkpoint") return [frame];
      const stateRoot = roots[isOnOtherSide(kit, to) ? 1 : 0] as Digest;
      const lie = encodeFrame({ kind: "checkpoint", signed: kit.signer.sign({ ...own.signed.message, stateRoot }) });
      return kit.random() < 0.3 ? [frame, lie] : [lie];
    },
  });
};
