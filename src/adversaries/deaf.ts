/** The ear of a cheat: what it is made to say must not come home, or the honest node behind it would stop, as a key used elsewhere. */
import { primaryOf } from "../protocol/committee.ts";
import type { Digest } from "../protocol/ids.ts";
import type { PrePrepare, Prepare } from "../protocol/messages.ts";
import { decodeConsensusFrame, type ConsensusFrame } from "../wire/frames.ts";
import type { Adversary, AdversaryKit } from "./kit.ts";

/** own proposals that are remembered; the oldest is forgotten, and PREPAREs for it are not heard any more */
const MAX_PROPOSED = 4096;

const placeOf = ({ view, sequence }: PrePrepare | Prepare): string => `${view}/${sequence}`;

const frameOf = (bytes: Uint8Array): ConsensusFrame | undefined => {
  const decoded = decodeConsensusFrame(bytes);
  return decoded.ok ? decoded.value : undefined;
};

/** What the node behind really proposed. */
const createProposed = ({ self }: AdversaryKit) => {
  const proposed = new Map<string, Digest>();
  return {
    note(bytes: Uint8Array): void {
      const frame = frameOf(bytes);
      const message = frame?.kind === "proposal" ? [frame.signed.message] : [];
      const again = frame?.kind === "new-view" ? frame.signed.message : undefined;
      const all = again === undefined ? message : again.proposals.map((each) => ({ ...again, kind: "pre-prepare" as const, ...each }));
      for (const each of all) if (each.replica === self) proposed.set(placeOf(each), each.digest);
      for (const oldest of proposed.keys()) {
        if (proposed.size <= MAX_PROPOSED) break;
        proposed.delete(oldest);
      }
    },
    has: (message: Prepare): boolean => proposed.get(placeOf(message)) === message.digest,
  };
};

/** Outermost of all wrappers: it hears what the node says before anybody changes it. */
export const deaf: Adversary = (network, kit) => {
  const { committee, self } = kit;
  const proposed = createProposed(kit);
  /** said by this node itself, or resting on a proposal in its name that the node behind never made */
  const isOwn = (bytes: Uint8Array): boolean => {
    const frame = frameOf(bytes);
    if (frame === undefined) return false;
    const { message } = frame.signed;
    if (message.replica === self) return true;
    return frame.kind === "prepare" && primaryOf(committee, frame.signed.message.view) === self && !proposed.has(frame.signed.message);
  };
  return {
    ...network,
    send(to, channel, frame) {
      if (channel === "consensus") proposed.note(frame);
      return network.send(to, channel, frame);
    },
    publish(data) {
      proposed.note(data);
      network.publish(data);
    },
    start: (handlers) =>
      network.start({
        ...handlers,
        onFrame(from, channel, frame) {
          if (channel !== "consensus" || !isOwn(frame)) handlers.onFrame(from, channel, frame);
        },
        onGossip(from, data, verdict) {
          if (isOwn(data)) verdict("ignore");
          else handlers.onGossip(from, data, verdict);
        },
      }),
  };
};
