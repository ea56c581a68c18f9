/** Liars to those who catch up: blocks of other batches, certificates for others, heights that nobody has, state that never was. */
import type { Digest, Sequence, View } from "../protocol/ids.ts";
import type { CertifiedBatch, StateAnswer, SyncMessage } from "../protocol/messages.ts";
import { createBatch } from "../wire/requests.ts";
import { decodeSyncFrame, encodeFrame } from "../wire/frames.ts";
import { type Adversary, type AdversaryKit, intercept, pickBelow, randomHex } from "./kit.ts";

const wrongBlock = (kit: AdversaryKit, { certificate, batch }: CertifiedBatch): CertifiedBatch => {
  const other = createBatch(batch.timestamp + 1, batch.requests);
  switch (pickBelow(kit, 3)) {
    case 0:
      return { certificate, batch: other };
    case 1:
      return { certificate: { ...certificate, digest: other.digest }, batch: other };
    default:
      return { certificate: { ...certificate, sequence: (certificate.sequence + 1) as Sequence }, batch };
  }
};

/** One bit is another; of nothing, one byte. */
const turnedBit = (kit: AdversaryKit, bytes: Uint8Array): Uint8Array => {
  if (bytes.length === 0) return Uint8Array.of(pickBelow(kit, 256));
  const turned = new Uint8Array(bytes);
  const at = pickBelow(kit, turned.length);
  turned[at] = (turned[at] ?? 0) ^ (1 << pickBelow(kit, 8));
  return turned;
};

/** Another state under the same name; or none, where there is one. */
const wrongState = (kit: AdversaryKit, answer: StateAnswer): StateAnswer => {
  const { hash } = answer;
  if (answer.type === "gone" || kit.random() < 0.2) return { type: "gone", hash };
  if (answer.type === "page") return { type: "page", hash, page: turnedBit(kit, answer.page) };
  const one = pickBelow(kit, answer.entries.length);
  const entries = answer.entries.map((entry, index) => (index === one ? { key: entry.key, value: turnedBit(kit, entry.value) } : entry));
  return { type: "entries", hash, entries: kit.random() < 0.3 && entries.length > 1 ? entries.slice(1) : entries };
};

const lieAbout = (kit: AdversaryKit, message: SyncMessage): SyncMessage | undefined => {
  switch (message.kind) {
    case "blocks":
      if (kit.random() < 0.3) return { ...message, blocks: [] };
      return { ...message, blocks: message.blocks.map((block) => (kit.random() < 0.5 ? wrongBlock(kit, block) : block)) };
    case "batch":
      return kit.random() < 0.5 ? createBatch(message.timestamp + 1, message.requests) : undefined;
    case "status": {
      const far = kit.random() < 0.5 ? 3 : 2 ** 40;
      return {
        ...message,
        executed: (message.executed + far) as Sequence,
        oldest: (kit.random() < 0.5 ? message.oldest : 1) as Sequence,
        stable: (kit.random() < 0.5 ? message.stable : message.stable + far) as Sequence,
        demand: (kit.random() < 0.5 ? message.demand : message.demand + far) as View,
        view: (kit.random() < 0.8 ? message.view : message.view + 1) as View,
      };
    }
    case "state":
      return { ...message, answers: message.answers.map((answer) => wrongState(kit, answer)) };
    case "stable-checkpoint":
      return { ...message, certificate: { ...message.certificate, stateRoot: randomHex(kit) as Digest } };
    default:
      return message;
  }
};

/** Answers whoever asks for the past with another past, and boasts of a future. */
export const lieInTransfer: Adversary = (network, kit) =>
  intercept(network, {
    out(_to, channel, frame) {
      const decoded = channel === "sync" ? decodeSyncFrame(frame) : undefined;
      // of the state no word is true; of the rest every other one, so that it is still asked
      if (decoded?.ok !== true || (decoded.value.kind !== "state" && kit.random() < 0.5)) return [frame];
      const lie = lieAbout(kit, decoded.value);
      return lie === undefined ? [] : [encodeFrame(lie)];
    },
  });
