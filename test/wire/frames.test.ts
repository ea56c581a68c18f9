import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/protocol/limits.ts";
import { decodeConsensusFrame, decodeGossip, decodeSyncFrame, encodeFrame, frameBytes, tags } from "../../src/wire/frames.ts";
import type { ConsensusFrame, SyncFrame } from "../../src/wire/frames.ts";
import type { Decoded } from "../../src/wire/reader.ts";
import * as arbitrary from "./arbitraries.ts";

type Frame = ConsensusFrame | SyncFrame;
interface Kind {
  readonly kind: Frame["kind"];
  readonly frames: fc.Arbitrary<Frame>;
  readonly decode: (bytes: Uint8Array) => Decoded<Frame>;
}

const kinds: Kind[] = [
  ...Object.entries(arbitrary.consensusFrames).map(([kind, frames]) => ({
    kind: kind as Frame["kind"],
    frames,
    decode: decodeConsensusFrame,
  })),
  ...Object.entries(arbitrary.syncFrames).map(([kind, frames]) => ({ kind: kind as Frame["kind"], frames, decode: decodeSyncFrame })),
];

const firstOf = (frames: fc.Arbitrary<Frame>, seed: number): Frame => {
  const [frame] = fc.sample(frames, { numRuns: 1, seed });
  if (frame === undefined) throw new Error("no sample");
  return frame;
};

describe.each(kinds)("$kind frame", ({ kind, frames, decode }) => {
  it("comes back as it was, from exactly the bytes that its size promised", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const bytes = encodeFrame(frame);
        expect(bytes[0]).toBe(tags[kind]);
        expect(bytes.length).toBe(frameBytes(frame));
        expect(decode(bytes)).toEqual({ ok: true, value: frame });
      }),
      { numRuns: 60 },
    );
  });

  it("is refused, not thrown at, when cut anywhere or continued", () => {
    const bytes = encodeFrame(firstOf(frames, 7));
    for (let length = 0; length < bytes.length; length++) expect(decode(bytes.subarray(0, length)).ok).toBe(false);
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(decode(longer).ok).toBe(false);
  });

  it("after any change either is refused or re-encodes to the changed bytes", () => {
    const canonical = (changed: Uint8Array): void => {
      for (const decodeAny of [decodeConsensusFrame, decodeSyncFrame, decodeGossip]) {
        const decoded = decodeAny(changed);
        if (decoded.ok) expect(encodeFrame(decoded.value)).toEqual(changed);
      }
    };
    const bytes = encodeFrame(firstOf(frames, 11));
    for (let bit = 0; bit < bytes.length * 8; bit += bytes.length > 600 ? 7 : 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      canonical(changed);
    }
    fc.assert(
      fc.property(frames, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 12 }), (frame, at, patch) => {
        const changed = encodeFrame(frame);
        changed.set(patch.subarray(0, changed.length - (at % changed.length)), at % changed.length);
        canonical(changed);
      }),
      { numRuns: 60 },
    );
  });
});

describe("frames", () => {
  it("of arbitrary bytes never throw, and what decodes is canonical", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(tags), 0, 255), fc.uint8Array({ maxLength: 400 }), (tag, rest) => {
        const bytes = Uint8Array.of(tag, ...rest);
        for (const decode of [decodeConsensusFrame, decodeSyncFrame, decodeGossip]) {
          const decoded = decode(bytes);
          if (decoded.ok) expect(encodeFrame(decoded.value)).toEqual(bytes);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("belong to one channel: each is unknown on the other, and gossip carries proposals only", () => {
    for (const { kind, frames, decode } of kinds) {
      const bytes = encodeFrame(firstOf(frames, 3));
      const other = decode === decodeConsensusFrame ? decodeSyncFrame : decodeConsensusFrame;
      expect(other(bytes)).toEqual({ ok: false, error: { reason: "unknown-tag", field: "frame" } });
      expect(decodeGossip(bytes).ok).toBe(kind === "proposal");
    }
  });

  it("have the tags that docs/wire.md gives them, all different", () => {
    expect(tags).toEqual({
      proposal: 1,
      prepare: 2,
      commit: 3,
      checkpoint: 4,
      "view-change": 5,
      "new-view": 6,
      status: 16,
      relay: 17,
      "fetch-batch": 18,
      batch: 19,
      "fetch-blocks": 20,
      blocks: 21,
      "stable-checkpoint": 22,
      "fetch-receipt": 23,
      receipt: 24,
      documents: 25,
      "fetch-state": 26,
      state: 27,
      "fetch-checkpoint": 28,
      "past-checkpoint": 29,
    });
  });

  it("above the channel's limit are refused before they are looked at", () => {
    const tooLong = { ok: false, error: { reason: "too-large", field: "frame" } };
    expect(decodeConsensusFrame(new Uint8Array(limits.maxFrameBytes + 1))).toEqual(tooLong);
    expect(decodeSyncFrame(new Uint8Array(limits.maxFrameBytes + 1))).toEqual(tooLong);
    expect(decodeGossip(new Uint8Array(limits.maxGossipBytes + 1))).toEqual(tooLong);
  });

  it("do not see the memory around a view", () => {
    const bytes = encodeFrame(firstOf(arbitrary.consensusFrames.proposal, 5));
    const surrounded = new Uint8Array(bytes.length + 20).fill(255);
    surrounded.set(bytes, 10);
    expect(decodeConsensusFrame(surrounded.subarray(10, 10 + bytes.length))).toEqual(decodeConsensusFrame(bytes));
  });
});
