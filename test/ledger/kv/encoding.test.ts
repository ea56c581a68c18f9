import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeOperation, decodeResult, encodeOperation, encodeResult } from "../../../src/ledger/kv/encoding.ts";
import type { KvOperation } from "../../../src/ledger/kv/operations.ts";
import { anyOperation, anyResult } from "./arbitraries.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const key = new TextEncoder().encode("k");
const value = new TextEncoder().encode("v1");

describe("operations", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        expect(decodeOperation(encodeOperation(operation))).toEqual(operation);
      }),
    );
  });

  it("have one encoding each: whatever decodes encodes to the same bytes", () => {
    const mutated = fc.tuple(anyOperation.map(encodeOperation), fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
      const copy = bytes.slice();
      copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        const operation = decodeOperation(bytes);
        if (operation !== undefined) expect(hex(encodeOperation(operation))).toBe(hex(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("are refused when cut short or run on", () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        const bytes = encodeOperation(operation);
        // without any byte it is an operation too, `time`
        for (let length = 1; length < bytes.length; length++) expect(decodeOperation(bytes.subarray(0, length))).toBeUndefined();
        expect(decodeOperation(Buffer.concat([bytes, Uint8Array.of(0)]))).toBeUndefined();
      }),
    );
  });

  it("have the bytes that docs/wire.md promises", () => {
    const cases: [KvOperation, string][] = [
      [{ type: "put", key, value }, "01000" + "16b" + "00000002" + "7631" + "00"],
      [{ type: "put", key, value, expect: 5 }, "0100016b" + "00000002" + "7631" + "01" + "0000000000000005"],
      [{ type: "delete", key }, "0200016b00"],
      [{ type: "get", key }, "0300016b"],
      [{ type: "time" }, ""],
      [
        {
          type: "txn",
          compare: [
            { type: "version", key, version: 1 },
            { type: "value", key, value },
          ],
          success: [{ type: "get", key }],
          failure: [],
        },
        "04" + "0002" + "0100016b0000000000000001" + "0200016b000000027631" + "0001" + "0300016b" + "0000",
      ],
    ];
    for (const [operation, expected] of cases) expect(hex(encodeOperation(operation))).toBe(expected);
  });

  it("do not let a length or a count make room for what is not there", () => {
    expect(decodeOperation(Buffer.from("0100016bffffffff", "hex"))).toBeUndefined();
    expect(decodeOperation(Buffer.from("04ffff", "hex"))).toBeUndefined();
    expect(decodeOperation(Buffer.concat([Buffer.from("040401", "hex"), Buffer.alloc(20_000)]))).toBeUndefined();
  });

  it("hold versions up to 2^53−1 and no further", () => {
    const largest: KvOperation = { type: "delete", key, expect: Number.MAX_SAFE_INTEGER };
    expect(decodeOperation(encodeOperation(largest))).toEqual(largest);
    expect(decodeOperation(Buffer.from("0200016b01" + "0020000000000000", "hex"))).toBeUndefined();
    expect(() => encodeOperation({ type: "delete", key, expect: 2 ** 53 })).toThrow(RangeError);
    expect(() => encodeOperation({ type: "delete", key, expect: -1 })).toThrow(RangeError);
    expect(() => encodeOperation({ type: "get", key: new Uint8Array(65_536) })).toThrow(RangeError);
  });
});

describe("results", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(anyResult, (result) => {
        expect(decodeResult(encodeResult(result))).toEqual(result);
      }),
    );
  });

  it("have one encoding each, and none of the rest decodes", () => {
    const mutated = fc.tuple(anyResult.map(encodeResult), fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
      const copy = bytes.slice();
      copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        const result = decodeResult(bytes);
        if (result !== undefined) expect(hex(encodeResult(result))).toBe(hex(bytes));
      }),
      { numRuns: 2000 },
    );
    expect(decodeResult(new Uint8Array())).toBeUndefined();
  });
});
