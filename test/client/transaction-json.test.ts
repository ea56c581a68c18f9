import { describe, expect, it } from "vitest";
import { ClientError } from "../../src/client/errors.ts";
import { kv } from "../../src/client/key-value-calls.ts";
import { parseTransaction } from "../../src/client/transaction-json.ts";

describe("a transaction in JSON", () => {
  it("is read as POST /v1/txn reads it", () => {
    const json = {
      compare: [
        { key: "a", version: 0 },
        { key: "b", value: "AP8=", encoding: "base64" },
      ],
      success: [
        { type: "put", key: "/w==", keyEncoding: "base64", value: "x", ifVersion: 2 },
        { type: "delete", key: "a", ifVersion: 1 },
      ],
      failure: [{ type: "get", key: "a" }],
    };
    expect(parseTransaction(json).compare).toEqual([kv.hasVersion("a", 0), kv.hasValue("b", Uint8Array.of(0, 255))]);
    expect(parseTransaction(json).success).toMatchObject([
      { type: "put", expect: 2 },
      { type: "delete", expect: 1 },
    ]);
    expect(parseTransaction({ success: [] })).toEqual({ compare: [], success: [], failure: [] });
  });

  it.each([
    [[]],
    [{}],
    [{ succes: [] }],
    [{ success: {} }],
    [{ success: [{ type: "put", key: "a" }] }],
    [{ success: [{ type: "put", key: "a", value: "x", ifversion: 1 }] }],
    [{ success: [{ type: "put", key: "a", value: "x", ifVersion: -1 }] }],
    [{ success: [{ type: "put", key: "a", value: "%%", encoding: "base64" }] }],
    [{ success: [{ type: "get", key: "a", ifVersion: 1 }] }],
    [{ success: [{ type: "move", key: "a" }] }],
    [{ compare: [{ key: "a" }] }],
    [{ compare: [{ key: "a", version: 1, value: "x" }] }],
    [{ success: Array.from({ length: 1025 }, () => ({ type: "get", key: "a" })) }],
  ])("%j is refused: a condition that is not understood is none", (json) => {
    expect(() => parseTransaction(json)).toThrow(ClientError);
  });
});
