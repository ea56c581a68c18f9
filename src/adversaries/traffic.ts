/** Liars on the wire: silence, replays, floods, nonsense, favourites. */
import type { Digest, PeerName, Sequence, View } from "../protocol/ids.ts";
import type { Commit } from "../protocol/messages.ts";
import type { Channel } from "../network/port.ts";
import { decodeGossip, encodeFrame } from "../wire/frames.ts";
import { type Adversary, intercept, isOnOtherSide, others, ownMessage, pickBelow, randomHex, sendDirectly } from "./kit.ts";

/** Says nothing of consensus; its heartbeats go on. */
export const silent: Adversary = (network) =>
  intercept(network, { publish: () => undefined, out: (_to, channel, frame) => (channel === "consensus" ? [] : [frame]) });

/** Speaks to some and never to the others. */
export const selective: Adversary = (network, kit) => {
  const left = new Set(others(kit).filter(() => kit.random() < 0.4));
  return intercept(network, {
    publish(data) {
      const decoded = decodeGossip(data);
      if (decoded.ok) sendDirectly(network, kit, (peer) => (left.has(peer) ? undefined : decoded.value));
    },
    out: (to, channel, frame) => (channel === "consensus" && left.has(to) ? [] : [frame]),
  });
};

/** frames that are remembered to be said again */
const MAX_REMEMBERED = 256;

/** Says again whatever it ever heard or said, to anybody. */
export const replay: Adversary = (network, kit) => {
  const past: { readonly channel: Channel; readonly frame: Uint8Array }[] = [];
  const remember = (channel: Channel, frame: Uint8Array): void => {
    if (past.length < MAX_REMEMBERED) past.push({ channel, frame });
    else past[pickBelow(kit, MAX_REMEMBERED)] = { channel, frame };
  };
  const again = (): void => {
    const old = past[pickBelow(kit, Math.max(1, past.length))];
    const to: PeerName | undefined = others(kit)[pickBelow(kit, Math.max(1, kit.committee.n - 1))];
    if (old !== undefined && to !== undefined) network.send(to, old.channel, old.frame);
    kit.after(10 + 20 * kit.random(), again);
  };
  return intercept(network, {
    started: () => kit.after(10, again),
    out(_to, channel, frame) {
      if (kit.random() < 0.2) remember(channel, frame);
      return [frame];
    },
    into(_from, channel, frame) {
      if (kit.random() < 0.2) remember(channel, frame);
      return frame;
    },
  });
};

const BURST_MS = 20;

/** Says everything many times, votes for places far beyond, and sends without end what looks like votes that matter and has to be checked. */
export const flood: Adversary = (network, kit) => {
  const times = 2 + pickBelow(kit, 6);
  let last: Commit | undefined;
  /** for the next places of the view: a digest that nobody has, half of the time with a signature that is none */
  const plausible = (from: Commit): Uint8Array => {
    const sequence = (from.sequence + 1 + pickBelow(kit, 8)) as Sequence;
    const signed = kit.signer.sign({ ...from, sequence, digest: randomHex(kit) as Digest });
    if (kit.random() < 0.5) return encodeFrame({ kind: "commit", signed });
    const signature = signed.signature.map((byte) => byte ^ 1) as typeof signed.signature;
    return encodeFrame({ kind: "commit", signed: { ...signed, signature } });
  };
  const burst = (): void => {
    kit.after(BURST_MS, burst);
    if (last === undefined) return;
    for (let sent = 0; sent < (kit.floodRate * BURST_MS) / 1_000; sent += 1) {
      const frame = plausible(last);
      for (const peer of others(kit)) network.send(peer, "consensus", frame);
    }
  };
  return intercept(network, {
    started: () => kit.after(BURST_MS, burst),
    out(_to, channel, frame) {
      const frames = Array.from({ length: times }, () => frame);
      const own = ownMessage(kit, channel, frame);
      if (own?.kind !== "commit") return frames;
      last = own.signed.message;
      const far = 1 + pickBelow(kit, 2 ** 30);
      const beyond = { ...last, sequence: (last.sequence + far) as Sequence };
      const later = { ...last, view: (last.view + far) as View };
      return [...frames, ...[beyond, later].map((message) => encodeFrame({ kind: "commit", signed: kit.signer.sign(message) }))];
    },
  });
};

/** Sends frames with bits turned, cut short or too long. */
export const malformed: Adversary = (network, kit) => {
  const broken = (frame: Uint8Array): Uint8Array => {
    switch (pickBelow(kit, 3)) {
      case 0:
        return frame.slice(0, Math.max(1, pickBelow(kit, frame.length)));
      case 1:
        return Uint8Array.from([...frame, pickBelow(kit, 256)]);
      default: {
        const copy = frame.slice();
        const at = pickBelow(kit, copy.length);
        copy[at] = (copy[at] ?? 0) ^ (1 << pickBelow(kit, 8));
        return copy;
      }
    }
  };
  return intercept(network, {
    publish: (data) => network.publish(kit.random() < 0.2 ? broken(data) : data),
    out: (to, _channel, frame) => (kit.random() < 0.2 ? [broken(frame)] : isOnOtherSide(kit, to) ? [frame, broken(frame)] : [frame]),
  });
};
