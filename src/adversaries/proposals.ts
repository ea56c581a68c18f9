/** Liars in the primary's seat: two proposals for one sequence, late ones, bad ones, some requests never. */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import { createBatch } from "../wire/requests.ts";
import { decodeGossip, decodeSyncFrame, encodeFrame, type ProposalFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, isOnOtherSide, ownMessage, pickBelow, sendDirectly } from "./kit.ts";

/** Another proposal for the same place: the batch without its last request, or with another timestamp. */
const alternative = (kit: AdversaryKit, { signed, batch }: ProposalFrame): ProposalFrame => {
  const fewer = batch.requests.length > 1 && kit.random() < 0.5 ? batch.requests.slice(0, -1) : batch.requests;
  const other = createBatch(batch.timestamp + 1, fewer);
  return { kind: "proposal", signed: kit.signer.sign({ ...signed.message, digest: other.digest }), batch: other };
};

/** places whose second digest is remembered; the oldest is forgotten */
const MAX_PLACES = 1024;

/** Tells one half of the others one batch and the other half another, and votes for both accordingly. */
export const equivocate: Adversary = (network, kit) => {
  const second = new Map<string, ProposalFrame>();
  const placeOf = ({ view, sequence }: { readonly view: number; readonly sequence: number }): string => `${view}/${sequence}`;
  const remember = (proposal: ProposalFrame): ProposalFrame => {
    const place = placeOf(proposal.signed.message);
    const known = second.get(place) ?? alternative(kit, proposal);
    second.set(place, known);
    for (const oldest of second.keys()) {
      if (second.size <= MAX_PLACES) break;
      second.delete(oldest);
    }
    return known;
  };
  return intercept(network, {
    publish(data) {
      const decoded = decodeGossip(data);
      if (!decoded.ok) return network.publish(data);
      const other = remember(decoded.value);
      sendDirectly(network, kit, (peer) => (isOnOtherSide(kit, peer) ? other : decoded.value));
    },
    out(to, channel, frame) {
      const own = isOnOtherSide(kit, to) ? ownMessage(kit, channel, frame) : undefined;
      if (own?.kind === "proposal") return [encodeFrame(remember(own))];
      if (own?.kind !== "commit") return [frame];
      const other = second.get(placeOf(own.signed.message));
      if (other === undefined) return [frame];
      return [encodeFrame({ kind: "commit", signed: kit.signer.sign({ ...own.signed.message, digest: other.signed.message.digest }) })];
    },
  });
};

/** Says its proposals as late as it dares. */
export const slowPrimary: Adversary = (network, kit) => {
  const delayMs = 100 + kit.random() * 900;
  return intercept(network, {
    publish: (data) => kit.after(delayMs, () => network.publish(data)),
    out(to, channel, frame) {
      if (ownMessage(kit, channel, frame)?.kind !== "proposal") return [frame];
      kit.after(delayMs, () => network.send(to, channel, frame));
      return [];
    },
  });
};

const censorThose =
  (isCensored: (client: string) => boolean): Adversary =>
  (network) =>
    intercept(network, {
      into(_from, channel, frame) {
        const decoded = channel === "sync" ? decodeSyncFrame(frame) : undefined;
        if (decoded?.ok !== true || decoded.value.kind !== "relay") return frame;
        const requests = decoded.value.requests.filter(({ client }) => !isCensored(client));
        return requests.length === 0 ? undefined : encodeFrame({ kind: "relay", requests });
      },
    });

/** Never hears of half of the clients' requests, and so never proposes them. */
export const censor: Adversary = (network, kit) => {
  const residue = pickBelow(kit, 2);
  return censorThose((client) => Number.parseInt(client.slice(-1), 16) % 2 === residue)(network, kit);
};

/** Never hears of this client's requests. */
export const censorClient = (key: PublicKey): Adversary => censorThose((client) => client === key);

/** Signs batches that no replica can accept: the same request twice, or none at all. */
export const invalidBatch: Adversary = (network, kit) =>
  intercept(network, {
    publish(data) {
      const decoded = decodeGossip(data);
      if (!decoded.ok || kit.random() < 0.5) return network.publish(data);
      const { signed, batch } = decoded.value;
      const [first] = batch.requests;
      const bad = createBatch(batch.timestamp, first === undefined || kit.random() < 0.5 ? [] : [...batch.requests, first]);
      const message = { ...signed.message, digest: bad.digest as Digest };
      network.publish(encodeFrame({ kind: "proposal", signed: kit.signer.sign(message), batch: bad }));
    },
  });
