import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PublicKey, Signature } from "../../src/protocol/ids.ts";
import {
  createBatch,
  createRequest,
  decodeBatch,
  decodeRequest,
  detachBatch,
  detachRequest,
  emptyBatch,
  emptyBatchDigest,
} from "../../src/wire/requests.ts";
import * as arbitrary from "./arbitraries.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const signature = new Uint8Array(64).fill(7) as Signature;
const client = "11".repeat(32) as PublicKey;

describe("requests", () => {
  it("have the bytes that docs/wire.md says", () => {
    const { bytes, id } = createRequest({ client, sequence: 2 ** 32 + 5, operations: [Uint8Array.of(1, 2), new Uint8Array(0)] }, signature);
    const expected = `${"11".repeat(32)}0000000100000005${"0002"}${"00000002"}0102${"00000000"}`;
    expect(Buffer.from(bytes).toString("hex")).toBe(expected + "07".repeat(64));
    expect(id).toBe(sha256(Buffer.from(expected, "hex")));
  });

  it("are named by their content, whoever signed it", () => {
    const other = new Uint8Array(64).fill(8) as Signature;
    const content = { client, sequence: 1, operations: [Uint8Array.of(1)] };
    expect(createRequest(content, other).id).toBe(createRequest(content, signature).id);
    expect(createRequest({ ...content, operations: [Uint8Array.of(1), new Uint8Array(0)] }, signature).id).not.toBe(
      createRequest(content, signature).id,
    );
  });

  it("decode to views of the frame, and detach from it unchanged", () => {
    fc.assert(
      fc.property(arbitrary.request, (request) => {
        const frame = request.bytes.slice();
        const decoded = decodeRequest(frame);
        if (!decoded.ok) throw new Error(decoded.error.reason);
        expect(decoded.value).toEqual(request);
        expect(decoded.value.bytes.buffer).toBe(frame.buffer);
        const detached = detachRequest(decoded.value);
        frame.fill(0);
        expect(detached).toEqual(request);
        expect(detached.operations.every((operation) => operation.buffer === detached.bytes.buffer)).toBe(true);
      }),
    );
  });
});

describe("batches", () => {
  it("are their requests' own bytes after a timestamp and a count; the digest covers it all", () => {
    fc.assert(
      fc.property(arbitrary.batch, (batch) => {
        const head = Buffer.alloc(10);
        head.writeBigUInt64BE(BigInt(batch.timestamp));
        head.writeUInt16BE(batch.requests.length, 8);
        expect(Buffer.from(batch.bytes)).toEqual(Buffer.concat([head, ...batch.requests.map(({ bytes }) => bytes)]));
        expect(batch.digest).toBe(sha256(batch.bytes));
        expect(decodeBatch(batch.bytes)).toEqual({ ok: true, value: batch });
      }),
    );
  });

  it("detach from their frame with all their requests", () => {
    fc.assert(
      fc.property(arbitrary.batch, (batch) => {
        const frame = batch.bytes.slice();
        const decoded = decodeBatch(frame);
        if (!decoded.ok) throw new Error(decoded.error.reason);
        const detached = detachBatch(decoded.value);
        frame.fill(0);
        expect(detached).toEqual(batch);
      }),
    );
  });

  it("have one empty form for the gaps of a NEW-VIEW", () => {
    expect(emptyBatchDigest).toBe(sha256(new Uint8Array(10)));
    expect(decodeBatch(new Uint8Array(10))).toEqual({ ok: true, value: emptyBatch });
    expect(createBatch(1, []).digest).not.toBe(emptyBatchDigest);
  });
});
