/** Liars between views: wrong NEW-VIEWs, VIEW-CHANGEs that leave out what prepared, and demands without end. */
import type { Digest, View } from "../protocol/ids.ts";
import type { Reproposal, SignedNewView, ViewChange } from "../protocol/messages.ts";
import { decodeConsensusFrame, encodeFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, isOnOtherSide, others, ownMessage, pickBelow, randomHex } from "./kit.ts";

const wrongProposals = (kit: AdversaryKit, proposals: readonly Reproposal[]): readonly Reproposal[] => {
  if (proposals.length === 0) return proposals;
  if (kit.random() < 0.5) return proposals.slice(0, -1);
  const at = pickBelow(kit, proposals.length);
  return proposals.map((each, index) => (index === at ? { ...each, digest: randomHex(kit) as Digest } : each));
};

/** As the new primary proposes something else than what prepared, to everybody or to one half. */
export const badNewView: Adversary = (network, kit) => {
  const lies = new Map<number, SignedNewView>();
  const lieFor = ({ message }: SignedNewView): SignedNewView => {
    const known = lies.get(message.view);
    if (known !== undefined) return known;
    const lie = kit.signer.signNewView({ ...message, proposals: wrongProposals(kit, message.proposals) });
    lies.clear();
    lies.set(message.view, lie);
    return lie;
  };
  const toAll = kit.random() < 0.5;
  return intercept(network, {
    out(to, channel, frame) {
      const own = ownMessage(kit, channel, frame);
      if (own?.kind !== "new-view" || (!toAll && !isOnOtherSide(kit, to))) return [frame];
      return [encodeFrame({ kind: "new-view", signed: lieFor(own.signed) })];
    },
  });
};

/** Leaves out of its VIEW-CHANGEs what prepared here, everywhere or on one side. */
export const omitPrepared: Adversary = (network, kit) => {
  const toAll = kit.random() < 0.5;
  return intercept(network, {
    out(to, channel, frame) {
      const own = ownMessage(kit, channel, frame);
      if (own?.kind !== "view-change" || (!toAll && !isOnOtherSide(kit, to))) return [frame];
      return [encodeFrame({ kind: "view-change", signed: kit.signer.sign({ ...own.signed.message, prepared: [] }) })];
    },
  });
};

/** Asks for ever higher views, all the time. */
export const viewChangeSpam: Adversary = (network, kit) => {
  let last: ViewChange | undefined;
  let view = 1;
  const spam = (): void => {
    if (last !== undefined) {
      view = Math.max(view, last.view) + 1 + (kit.random() < 0.1 ? 1_000_000 : 0);
      const frame = encodeFrame({ kind: "view-change", signed: kit.signer.sign({ ...last, view: view as View }) });
      for (const peer of others(kit)) network.send(peer, "consensus", frame);
    }
    kit.after(50, spam);
  };
  return intercept(network, {
    started: () => kit.after(50, spam),
    out(_to, channel, frame) {
      const own = ownMessage(kit, channel, frame);
      if (own?.kind === "view-change") last = own.signed.message;
      return [frame];
    },
    into(_from, channel, frame) {
      // anybody's stable checkpoint is enough to ask for a view with
      const heard = last === undefined && channel === "consensus" ? decodeConsensusFrame(frame) : undefined;
      if (heard?.ok === true && heard.value.kind === "view-change")
        last = { ...heard.value.signed.message, replica: kit.self, prepared: [] };
      return frame;
    },
  });
};
