/**
 * What every liar is made of: an honest node's network with somebody in between, who holds the node's own keys and nothing more. The same in the
 * simulator and in testnets; the node behind it does not know.
 */
import type { Committee } from "../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../protocol/ids.ts";
import type { Channel, Network } from "../network/port.ts";
import type { Signer } from "../signing/signer.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import { decodeConsensusFrame, encodeFrame, type ConsensusFrame } from "../wire/frames.ts";

export interface AdversaryKit {
  readonly committee: Committee;
  readonly self: ReplicaIndex;
  /** with the validator's own key */
  readonly signer: Signer;
  readonly signBytes: SignBytes;
  /** in [0, 1); seeded, where the same must happen each time */
  readonly random: () => number;
  /** frames a second to each peer, for those who flood */
  readonly floodRate: number;
  /** runs once, after so many milliseconds */
  readonly after: (delayMs: number, run: () => void) => void;
}

/** Wraps an honest node's network into a liar's. */
export type Adversary = (network: Network, kit: AdversaryKit) => Network;

export interface Interception {
  /** Frames to send instead of this one; nothing means that it is withheld. */
  readonly out?: (to: PeerName, channel: Channel, frame: Uint8Array) => readonly Uint8Array[];
  /** Gossips, or does something else with what the node wanted to gossip. */
  readonly publish?: (data: Uint8Array) => void;
  /** What the node is told instead of this; nothing means that it never hears of it. */
  readonly into?: (from: PeerName, channel: Channel, frame: Uint8Array) => Uint8Array | undefined;
  /** once the network runs */
  readonly started?: () => void;
}

/** Puts somebody between a node and its network. */
export const intercept = (network: Network, interception: Interception): Network => {
  const { out, publish, into } = interception;
  return {
    ...network,
    self: network.self,
    send(to, channel, frame) {
      if (out === undefined) return network.send(to, channel, frame);
      let sent = true;
      for (const each of out(to, channel, frame)) sent = network.send(to, channel, each) && sent;
      return sent;
    },
    publish: publish ?? ((data) => network.publish(data)),
    start: async (handlers) => {
      const running = network.start({
        ...handlers,
        onFrame(from, channel, frame) {
          const told = into === undefined ? frame : into(from, channel, frame);
          if (told !== undefined) handlers.onFrame(from, channel, told);
        },
      });
      interception.started?.();
      await running;
    },
  };
};

/** The frame as a message of consensus that this node signs itself; undefined for anything else. */
export const ownMessage = ({ self }: AdversaryKit, channel: Channel | "gossip", frame: Uint8Array): ConsensusFrame | undefined => {
  if (channel === "sync") return undefined;
  const decoded = decodeConsensusFrame(frame);
  return decoded.ok && decoded.value.signed.message.replica === self ? decoded.value : undefined;
};

/** Every other validator, in order. */
export const others = ({ committee, self }: AdversaryKit): readonly PeerName[] =>
  committee.validators.filter(({ index }) => index !== self).map(({ peer }) => peer);

/** Divides the others in two, the same way each time. */
export const isOnOtherSide = ({ committee }: AdversaryKit, peer: PeerName): boolean =>
  (committee.validators.find((each) => each.peer === peer)?.index ?? 0) % 2 === 1;

/** A number of 0 … below − 1. */
export const pickBelow = ({ random }: AdversaryKit, below: number): number => Math.floor(random() * below);

/** 64 hex characters that are nobody's hash. */
export const randomHex = (kit: AdversaryKit): string => Array.from({ length: 64 }, () => "0123456789abcdef"[pickBelow(kit, 16)]).join("");

/** Sends to every other validator directly what would have been gossip. */
export const sendDirectly = (network: Network, kit: AdversaryKit, frameFor: (peer: PeerName) => ConsensusFrame | undefined): void => {
  for (const peer of others(kit)) {
    const frame = frameFor(peer);
    if (frame !== undefined) network.send(peer, "consensus", encodeFrame(frame));
  }
};
