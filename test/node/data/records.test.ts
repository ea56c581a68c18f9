import { describe, expect, it } from "vitest";
import {
  decodeAccepted,
  decodeBlockHeader,
  decodeRequestPlace,
  encodeAccepted,
  encodeBlockHeader,
  keys,
  RecordError,
} from "../../../src/node/data/records.ts";
import { toDigest, toSequence, toView } from "../../../src/protocol/ids.ts";
import { createTestNetwork, slotOf } from "../../signing/network.ts";

const digest = toDigest("ab".repeat(32));
/** No unsigned safe integer: 2^56. */
const beyond = (bytes: Uint8Array, at: number): Uint8Array => {
  const damaged = new Uint8Array(bytes);
  damaged[at] = 1;
  return damaged;
};

describe("a record with a number that was never written", () => {
  it("of an accepted proposal is refused, in its key and in its value", () => {
    const [key, value] = [keys.accepted(toSequence(7), digest), encodeAccepted(toView(3), undefined)];
    expect(decodeAccepted(key, value)).toEqual({ sequence: 7, digest, view: 3, proposalSignature: undefined });
    expect(() => decodeAccepted(beyond(key, 1), value)).toThrow(RecordError);
    expect(() => decodeAccepted(key, beyond(value, 0))).toThrow(RecordError);
  });

  it("of a block is refused", () => {
    const certificate = createTestNetwork(4).committed(slotOf(0, 7));
    const value = encodeBlockHeader({ certificate, logHash: digest, stateRoot: digest, timestamp: 1_700_000_000_000 });
    expect(decodeBlockHeader(value)).toMatchObject({ certificate, timestamp: 1_700_000_000_000 });
    expect(() => decodeBlockHeader(beyond(value, 64))).toThrow(RecordError);
  });

  it("of a request's place is refused, and so is a place that no batch has", () => {
    const value = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 5);
    expect(decodeRequestPlace(value)).toEqual({ sequence: 9, index: 5 });
    expect(() => decodeRequestPlace(beyond(value, 0))).toThrow(RecordError);
    expect(() => decodeRequestPlace(beyond(value, 8))).toThrow(RecordError);
  });
});
