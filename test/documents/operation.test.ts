import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change } from "../../src/documents/changes.ts";
import { verifyForkProof } from "../../src/documents/fork.ts";
import { documentLimits } from "../../src/documents/limits.ts";
import { decodeMessage, encodeMessage } from "../../src/documents/messages.ts";
import { decodeOperation, isDocumentName, signOperation, verifyOperation } from "../../src/documents/operation.ts";
import type { DocumentName, DocumentOperation } from "../../src/documents/operation.ts";
import type { Digest, Signature } from "../../src/protocol/ids.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";
import { add, author, documentOf, edit, name, put, sign, signBytes, write } from "./support.ts";

const text = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc.string({ unit: "binary", minLength, maxLength }).filter((value) => value.isWellFormed());
const path = fc.array(text(5, 1), { minLength: 1, maxLength: 8 });
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex") as Digest);
const index = fc.nat({ max: 63 });
const ref = fc.oneof(fc.record({ operation: digest, index }), fc.record({ index }));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant("counter-add" as const), path, amount: fc.maxSafeInteger().filter((amount) => amount !== 0) }),
  fc.record({ type: fc.constantFrom("set-add" as const, "set-remove" as const, "register-set" as const), path, value: text(40) }),
  fc.record({ type: fc.constant("list-insert" as const), path, value: text(40), after: ref }),
  fc.record({ type: fc.constant("list-insert" as const), path, value: text(40) }),
  fc.record({ type: fc.constant("list-remove" as const), path, element: ref }),
  fc.record({ type: fc.constant("clear" as const), path }),
);
const parents = fc.uniqueArray(digest, { maxLength: 4 }).map((ids) => ids.sort());
const operation = fc
  .record({ sequence: fc.integer({ min: 1, max: 4096 }), parents, changes: fc.array(change, { minLength: 1, maxLength: 6 }) })
  .map((content) => signOperation(author(0), signBytes, { document: name, ...content }));

describe("operations", () => {
  it("decode to what was signed, and verify", () => {
    fc.assert(
      fc.property(operation, (signed) => {
        const decoded = decodeOperation(signed.bytes);
        expect(decoded).toEqual({ ok: true, value: signed });
        expect(verifyOperation(signBytes, signed)).toBe(true);
      }),
    );
  });

  it("are refused with any bit changed, in another network and under another name", () => {
    fc.assert(
      fc.property(operation, fc.nat(), fc.nat({ max: 7 }), (signed, at, bit) => {
        const bytes = signed.bytes.slice();
        const position = at % bytes.length;
        bytes[position] = (bytes[position] as number) ^ (1 << bit);
        const decoded = decodeOperation(bytes);
        if (decoded.ok) expect(verifyOperation(signBytes, decoded.value)).toBe(false);
        expect(verifyOperation(createSignBytes("bb".repeat(32) as Digest), signed)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it("have one encoding each, and any bytes decode or are refused without a throw", () => {
    fc.assert(
      fc.property(operation, fc.uint8Array({ maxLength: 300 }), fc.nat(), (signed, noise, at) => {
        for (const bytes of [noise, signed.bytes.subarray(0, at % signed.bytes.length), Uint8Array.from([...signed.bytes, 0])]) {
          expect(decodeOperation(bytes).ok).toBe(false);
        }
      }),
    );
  });

  it("refuse what breaks a bound before anything is signed", () => {
    const make =
      (changes: readonly Change[], sequence = 1, ids: readonly Digest[] = [], document = name) =>
      () =>
        signOperation(author(0), signBytes, { document, sequence, parents: ids, changes });
    const long = "x".repeat(documentLimits.maxValueBytes + 1);
    const id = "ab".repeat(32) as Digest;
    const bad = [
      make([]),
      make(Array.from({ length: documentLimits.maxChanges + 1 }, () => add(1, "a"))),
      make([add(0, "a")]),
      make([add(1.5, "a")]),
      make([add(1)]),
      make([add(1, "")]),
      make([add(1, "x".repeat(65))]),
      make([add(1, ..."123456789".split(""))]),
      make([put(long, "a")]),
      make([put("\ud800", "a")]),
      make(Array.from({ length: 17 }, () => put("x".repeat(4096), "a"))),
      make([add(1, "a")], 0),
      make([add(1, "a")], documentLimits.maxOperationsPerAuthor + 1),
      make([add(1, "a")], 1, [id, id]),
      make([add(1, "a")], 1, [], "Not a name" as DocumentName),
    ];
    for (const each of bad) expect(each).toThrow(RangeError);
  });

  it("belong to documents with plain names", () => {
    for (const good of ["a", "0", "plan-2026.v_1", "x".repeat(64)]) expect(isDocumentName(good)).toBe(true);
    for (const bad of ["", "-a", ".a", "A", "a/b", "é", "a b", "x".repeat(65), "a\n"]) expect(isDocumentName(bad)).toBe(false);
  });
});

describe("proofs of a fork", () => {
  const first = sign(1, 1, [], write("a", "r"));
  const second = sign(1, 1, [], write("b", "r"));
  const proof = { document: name, author: author(1).publicKey, sequence: 1, operations: [first, second] as const };

  it("convince whoever has the network's genesis", () => {
    expect(verifyForkProof(signBytes, proof)).toBe(true);
    expect(verifyForkProof(createSignBytes("bb".repeat(32) as Digest), proof)).toBe(false);
  });

  it("frame nobody", () => {
    const later = sign(1, 2, [first], add(1, "c"));
    const forged = { ...second, signature: new Uint8Array(64) as Signature };
    const others = sign(2, 1, [], write("b", "r"));
    const elsewhere = signOperation(author(1), signBytes, {
      document: "other" as DocumentName,
      sequence: 1,
      parents: [],
      changes: [add(1, "c")],
    });
    const pairs: readonly (readonly [DocumentOperation, DocumentOperation])[] = [
      [first, first],
      [first, { ...first, signature: second.signature }],
      [first, later],
      [first, others],
      [first, elsewhere],
      [first, forged],
    ];
    for (const operations of pairs) expect(verifyForkProof(signBytes, { ...proof, operations })).toBe(false);
    expect(verifyForkProof(signBytes, { ...proof, author: author(2).publicKey })).toBe(false);
    expect(verifyForkProof(signBytes, { ...proof, sequence: 2 })).toBe(false);
    expect(verifyForkProof(signBytes, { ...proof, document: "other" as DocumentName })).toBe(false);
  });
});

describe("messages", () => {
  const document = documentOf();
  edit(document, 0, add(1, "c"));
  edit(document, 1, add(2, "c"));
  const operations = document.operations().map(({ bytes }) => bytes);
  const messages = [
    { kind: "overview", entries: [{ document: name, digest: document.digest() }] },
    { kind: "overview", entries: [] },
    { kind: "summary", answer: false, summary: document.summary() },
    { kind: "summary", answer: true, summary: { document: name, tips: [], forkers: [author(0).publicKey] } },
    { kind: "operations", document: name, more: true, operations },
  ] as const;

  it("decode to what was sent", () => {
    for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
  });

  it("are refused when cut or prolonged, and have one encoding each", () => {
    for (const message of messages) {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length++) expect(decodeMessage(bytes.subarray(0, length)).ok).toBe(false);
      expect(decodeMessage(Uint8Array.from([...bytes, 0])).ok).toBe(false);
      for (let at = 0; at < Math.min(bytes.length, 200); at++) {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ 0x81;
        const decoded = decodeMessage(changed);
        if (decoded.ok) expect(encodeMessage(decoded.value)).toEqual(changed);
      }
    }
  });

  it("hold the largest operation and the longest summary", () => {
    const big = sign(0, 1, [], ...Array.from({ length: 15 }, (_, at) => put("x".repeat(4096), `${at}`)));
    const key = (at: number): string => at.toString(16).padStart(64, "0");
    const tips = Array.from({ length: documentLimits.maxAuthors }, (_, at) => ({
      author: key(at) as never,
      sequence: 1,
      id: key(at) as Digest,
    }));
    const forkers = tips.map((tip) => tip.author);
    for (const message of [
      { kind: "operations", document: name, more: false, operations: Array.from({ length: 7 }, () => big.bytes) } as const,
      { kind: "summary", answer: false, summary: { document: name, tips, forkers } } as const,
    ]) {
      expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
    }
  });
});
