import { describe, expect, it } from "vitest";
import { decodeStateRecord, encodeStateRecord, headBytes, maxInlineBytes } from "../../../src/ledger/state/layout.ts";
import { hashBytes } from "../../../src/ledger/state/hashing.ts";
import { decodeSession, encodeSession, recordNumber } from "../../../src/ledger/sessions.ts";

describe("a record of the state", () => {
  it("gives back what was written, a large value by its place", () => {
    const small = Uint8Array.of(1, 2);
    expect(decodeStateRecord(encodeStateRecord(7, small, hashBytes(small)))).toMatchObject({ outside: false, modified: 7, length: 2 });
    const large = new Uint8Array(maxInlineBytes + 1).fill(9);
    const valueHash = hashBytes(large);
    expect(decodeStateRecord(encodeStateRecord(8, large, valueHash))).toMatchObject({
      outside: true,
      modified: 8,
      length: large.length,
      valueHash,
    });
  });

  it("that is damaged is an error of the store, whatever it says", () => {
    const large = new Uint8Array(maxInlineBytes + 1);
    const outside = encodeStateRecord(8, large, hashBytes(large));
    const changed = (at: number, byte: number): Uint8Array => {
      const copy = new Uint8Array(outside);
      copy[at] = byte;
      return copy;
    };
    for (const [name, record] of Object.entries({
      empty: new Uint8Array(),
      "without its kind": outside.subarray(0, 8),
      "of an unknown kind": changed(8, 2),
      "by a sequence beyond the safe integers": changed(0, 1),
      "of a large value, cut": outside.subarray(0, outside.length - 1),
      "of a large value, continued": Buffer.concat([outside, new Uint8Array(headBytes)]),
    })) {
      expect(() => decodeStateRecord(record), name).toThrow(expect.objectContaining({ name: "StoreError", code: "corrupt" }));
    }
  });
});

describe("a session", () => {
  it("has a header and whole entries", () => {
    const session = recordNumber(undefined, 5, { sequence: 1, index: 0 }, { window: 4, floor: 3 });
    const bytes = encodeSession(session);
    expect(decodeSession(bytes)).toEqual({ lastUsed: 1, forgotten: 3, numbers: [5], sequences: [1], indexes: [0] });
    for (const length of [0, 15, 17, bytes.length - 1]) expect(decodeSession(bytes.subarray(0, length))).toBeUndefined();
  });
});
