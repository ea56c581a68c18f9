/**
 * Small changes to one's own messages, signed anew: another view, sequence or epoch, an earlier digest, a certificate less. Most protocols' faults were
 * found by such changes, for some of the receivers, in few rounds (Winter et al., "ByzzFuzz", OOPSLA 2023).
 */
import type { Digest, Epoch, Sequence, View } from "../protocol/ids.ts";
import type { Checkpoint, Commit, NewView, Prepare, PrePrepare, ViewChange } from "../protocol/messages.ts";
import { decodeGossip, encodeFrame, type ConsensusFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, ownMessage, pickBelow } from "./kit.ts";

const aside = (kit: AdversaryKit, value: number, least: number): number => Math.max(least, value + (kit.random() < 0.5 ? 1 : -1));

const otherView = <M extends PrePrepare | Prepare | Commit | ViewChange | NewView>(kit: AdversaryKit, message: M): M => ({
  ...message,
  view: aside(kit, message.view, 0) as View,
});
const otherSequence = <M extends PrePrepare | Prepare | Commit | Checkpoint>(kit: AdversaryKit, message: M): M => ({
  ...message,
  sequence: aside(kit, message.sequence, 1) as Sequence,
});
const otherEpoch = <M extends PrePrepare | Prepare | Commit | Checkpoint | ViewChange>(message: M): M => ({
  ...message,
  epoch: (message.epoch + 1) as Epoch,
});

const changedPlace = <M extends PrePrepare | Prepare | Commit>(kit: AdversaryKit, message: M): M => {
  const way = pickBelow(kit, 3);
  return way === 0 ? otherView(kit, message) : way === 1 ? otherSequence(kit, message) : otherEpoch(message);
};

/** The message with one thing a little off; undefined for what has nothing to change. */
const changed = (kit: AdversaryKit, own: ConsensusFrame, earlier: Digest): ConsensusFrame | undefined => {
  const { signer } = kit;
  const changedVote = <M extends Prepare | Commit>(message: M): M =>
    kit.random() < 0.25 ? { ...message, digest: earlier } : changedPlace(kit, message);
  switch (own.kind) {
    case "proposal":
      return { ...own, signed: signer.sign(changedPlace(kit, own.signed.message)) };
    case "prepare":
      return { kind: own.kind, signed: signer.sign(changedVote(own.signed.message)) };
    case "commit":
      return { kind: own.kind, signed: signer.sign(changedVote(own.signed.message)) };
    case "checkpoint": {
      const { message } = own.signed;
      return { kind: own.kind, signed: signer.sign(kit.random() < 0.5 ? otherSequence(kit, message) : otherEpoch(message)) };
    }
    case "view-change": {
      const { message } = own.signed;
      const fewer = { ...message, prepared: message.prepared.slice(1) };
      return { kind: own.kind, signed: signer.sign(kit.random() < 0.5 ? fewer : otherView(kit, message)) };
    }
    case "new-view":
      return { kind: own.kind, signed: signer.signNewView(otherView(kit, own.signed.message)) };
  }
};

/** Four of ten of its messages to anybody are a little off, or followed by one that is. */
export const mutate: Adversary = (network, kit) => {
  let earlier: Digest | undefined;
  const lieFor = (own: ConsensusFrame | undefined): Uint8Array | undefined => {
    if (own === undefined || kit.random() < 0.6) return undefined;
    const { message } = own.signed;
    const before = earlier ?? ("digest" in message ? message.digest : undefined);
    if ("digest" in message) earlier = message.digest;
    const lie = before === undefined ? undefined : changed(kit, own, before);
    return lie === undefined ? undefined : encodeFrame(lie);
  };
  return intercept(network, {
    publish(data) {
      const decoded = decodeGossip(data);
      const lie = decoded.ok ? lieFor(decoded.value) : undefined;
      if (lie === undefined || kit.random() < 0.5) network.publish(data);
      if (lie !== undefined) network.publish(lie);
    },
    out(_to, channel, frame) {
      const lie = lieFor(ownMessage(kit, channel, frame));
      if (lie === undefined) return [frame];
      return kit.random() < 0.5 ? [lie] : [lie, frame];
    },
  });
};
