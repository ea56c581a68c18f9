import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/protocol/limits.ts";
import { decodeClientAnswer, decodeQuestion, encodeClientAnswer, encodeQuestion, maxQuestionBytes } from "../../src/wire/exchanges.ts";

const target = fc.stringMatching(/^\/[!-~]{0,80}$/);
const body = fc.uint8Array({ maxLength: 200 });

describe("what clients ask and nodes answer", () => {
  it("has the bytes that docs/wire.md says", () => {
    const question = encodeQuestion({ method: "POST", target: "/v1/x", body: new Uint8Array([7, 8]) });
    expect(Buffer.from(question).toString("hex")).toBe("010005" + Buffer.from("/v1/x").toString("hex") + "0708");
    const answer = encodeClientAnswer({ status: 503, retryAfterSeconds: 1, body: new Uint8Array([9]) });
    expect(Buffer.from(answer).toString("hex")).toBe("01f7000109");
  });

  it("comes back as it was", () => {
    fc.assert(
      fc.property(fc.constantFrom("GET" as const, "POST" as const), target, body, (method, path, bytes) => {
        expect(decodeQuestion(encodeQuestion({ method, target: path, body: bytes }))).toEqual({
          ok: true,
          value: { method, target: path, body: bytes },
        });
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.integer({ min: 0, max: 65_535 }), body, (status, retryAfterSeconds, bytes) => {
        const answer = { status, retryAfterSeconds, body: bytes };
        expect(decodeClientAnswer(encodeClientAnswer(answer))).toEqual({ ok: true, value: answer });
      }),
    );
  });

  it("never throws, whatever comes, and what decodes is canonical", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const question = decodeQuestion(bytes);
        if (question.ok) expect(encodeQuestion(question.value)).toEqual(bytes);
        const answer = decodeClientAnswer(bytes);
        if (answer.ok) expect(encodeClientAnswer(answer.value)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
    for (const bytes of ["", "02000161", "000000", "0000022f", "00000361620a"])
      expect(decodeQuestion(Buffer.from(bytes, "hex")).ok).toBe(false);
  });

  it("is bounded, with room for a largest request", () => {
    expect(maxQuestionBytes).toBeGreaterThan(limits.maxRequestBytes + 3 * limits.maxKeyBytes);
    expect(decodeQuestion(new Uint8Array(maxQuestionBytes + 1))).toMatchObject({ ok: false, error: { reason: "too-large" } });
    expect(() => encodeQuestion({ method: "GET", target: `/${"x".repeat(5_000)}`, body: new Uint8Array() })).toThrow(RangeError);
  });
});
