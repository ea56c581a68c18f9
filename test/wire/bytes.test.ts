import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { toLatin1 } from "../../src/wire/bytes.ts";

describe("bytes as text", () => {
  it("have one character each, however many they are and wherever they lie", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat({ max: 600 }), (bytes, from) => {
        const view = bytes.subarray(from);
        for (const each of [bytes, view]) expect(toLatin1(each)).toBe(String.fromCharCode(...each));
      }),
    );
  });
});
