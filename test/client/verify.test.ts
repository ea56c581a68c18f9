/** What is believed, and that no single change of it is (PROTOCOL §3.6, §9). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAnswerDocument, createProofDocument, verifyProofDocument } from "../../src/client/proof-document.ts";
import { joinAnswers, verifyAnswer } from "../../src/client/verify-answer.ts";
import { verifyRead, verifyState } from "../../src/client/verify-read.ts";
import { decodeResult } from "../../src/ledger/kv/encoding.ts";
import { encodeEntry } from "../../src/ledger/kv/entry.ts";
import type { KvOperation, KvResult } from "../../src/ledger/kv/operations.ts";
import { mutationsOf } from "./mutations.ts";
import { createPaperNetwork, utf8 } from "./world.ts";

const net = createPaperNetwork(4);
const operations: readonly KvOperation[] = [
  { type: "put", key: utf8("k"), value: utf8("v") },
  { type: "get", key: utf8("k") },
];
const results: readonly KvResult[] = [
  { type: "put", version: 3 },
  { type: "get", entry: { value: utf8("v"), version: 3 } },
];
const request = net.request(7, operations);
const answer = net.answer(request, results);
const problemOf = (verdict: { readonly ok: boolean; readonly problem?: string }): string => verdict.problem ?? "none";

describe("an answer", () => {
  it("is believed with f+1 receipts, in networks of every size, and gives the results that were proven", () => {
    for (const n of [1, 2, 3, 4, 5, 6, 7, 10]) {
      const network = createPaperNetwork(n);
      const own = network.request(1, operations);
      const by = Array.from({ length: network.committee.f + 1 }, (_, index) => n - 1 - network.committee.f + index);
      const verdict = verifyAnswer(network.genesis, own, network.answer(own, results, { by, index: n % 6 }));
      expect(verdict).toMatchObject({ ok: true, sequence: 9, index: n % 6 });
      expect(verdict.ok && verdict.results.map(decodeResult)).toMatchObject([{ type: "put", version: 3 }, { type: "get" }]);
    }
  });

  it("is refused after any single change", () => {
    const mutations = mutationsOf(answer);
    expect(mutations.length).toBeGreaterThan(200);
    expect(mutations.filter(({ document }) => verifyAnswer(net.genesis, request, document).ok).map(({ what }) => what)).toEqual([]);
  });

  it("is refused after any single change, whatever was asked and answered, and wherever it stood", () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    const result: fc.Arbitrary<KvResult> = fc.oneof(
      fc.nat().map((version): KvResult => ({ type: "put", version })),
      fc.record({ value: bytes, version: fc.nat() }).map((entry): KvResult => ({ type: "get", entry })),
      fc.constant<KvResult>({ type: "get" }),
      fc.nat().map((version): KvResult => ({ type: "conflict", version })),
    );
    const shape = fc.record({
      results: fc.array(result, { minLength: 1, maxLength: 3 }),
      index: fc.nat({ max: 5 }),
      sequence: fc.integer({ min: 1, max: 2 ** 40 }),
    });
    fc.assert(
      fc.property(shape, fc.nat(), ({ results: given, index, sequence }, pick) => {
        const own = net.request(
          sequence,
          given.map(() => ({ type: "time" })),
        );
        const good = net.answer(own, given, { index, sequence });
        expect(verifyAnswer(net.genesis, own, good).ok).toBe(true);
        const mutations = mutationsOf(good);
        const { what, document } = mutations[pick % mutations.length] as (typeof mutations)[0];
        expect([what, verifyAnswer(net.genesis, own, document).ok]).toEqual([what, false]);
      }),
      { numRuns: 150 },
    );
  });

  it.each<[string, unknown, string]>([
    ["to another request", net.answer(net.request(8, operations), results), "other-request"],
    ["that is pending", { ...answer, state: "pending" }, "not-committed"],
    ["without proof", { ...answer, proof: undefined }, "no-proof"],
    ["without certificate", { ...answer, certificate: undefined }, "no-proof"],
    ["of another network", createPaperNetwork(4, "other").answer(request, results), "bad-certificate"],
    [
      "with another version",
      { ...answer, results: [...(net.answer(request, [{ type: "put", version: 4 }, results[1] as KvResult]).results as string[])] },
      "bad-result-proof",
    ],
    ["with a result less", { ...answer, results: answer.results?.slice(1) }, "bad-result-proof"],
    ["at another index", { ...answer, index: 1 }, "bad-result-proof"],
    ["at another sequence", { ...answer, sequence: 10 }, "other-place"],
    [
      "with another block's certificate",
      { ...answer, certificate: net.answer(request, results, { sequence: 10 }).certificate },
      "other-place",
    ],
    ["with the receipts of another block", { ...answer, proof: net.answer(request, results, { sequence: 10 }).proof }, "other-place"],
    ["with one receipt too few", net.answer(request, results, { by: [2] }), "too-few-receipts"],
    ["without receipts", net.answer(request, results, { by: [] }), "too-few-receipts"],
    ["with more receipts than needed", net.answer(request, results, { by: [0, 1, 2] }), "bad-receipts"],
    ["with one receipt twice", net.answer(request, results, { by: [1, 1] }), "bad-receipts"],
    ["that is nothing", null, "malformed"],
    ["that is a list", [], "malformed"],
  ])("%s is refused", (_name, given, problem) => {
    expect(problemOf(verifyAnswer(net.genesis, request, given))).toBe(problem);
  });

  it("is refused for a request that is none", () => {
    expect(problemOf(verifyAnswer(net.genesis, request.subarray(1), answer))).toBe("malformed");
  });
});

describe("answers of several nodes", () => {
  const alone = (replica: number) => net.answer(request, results, { by: [replica] });

  it("join into one when f+1 validators say the same", () => {
    const joined = joinAnswers(net.genesis, request, [alone(3), alone(1)]);
    expect(verifyAnswer(net.genesis, request, joined)).toMatchObject({
      ok: true,
      receipts: { signatures: [{ replica: 1 }, { replica: 3 }] },
    });
  });

  it("do not when one of them says it twice, says something else, or lies", () => {
    const other = net.answer(request, [{ type: "put", version: 4 }, results[1] as KvResult], { by: [1] });
    const forged = {
      ...alone(1),
      proof: {
        ...alone(1).proof,
        receipts: { ...alone(1).proof.receipts, signatures: alone(3).proof.receipts.signatures.map((each) => ({ ...each, replica: 1 })) },
      },
    };
    for (const second of [alone(3), other, forged, {}, undefined]) {
      expect(joinAnswers(net.genesis, request, [alone(3), second])).toBeUndefined();
    }
  });
});

describe("a certified read", () => {
  const entries = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`key${n}`, { value: `value ${n}`, version: n + 1, sequence: n + 2 }]),
  );
  const read = (document: unknown, key = "key4", atLeast?: number) => verifyRead(net.genesis, utf8(key), document, atLeast);

  it("is believed with a quorum's checkpoint and a path to its state, for what is there and for what is not", () => {
    const verdict = read(net.certified(entries, "key4"));
    expect(verdict).toMatchObject({ ok: true, asOf: 16, entry: { version: 5, sequence: 6 } });
    expect(verdict.ok && Buffer.from(verdict.entry?.value ?? []).toString()).toBe("value 4");
    for (const key of ["absent", "other", "none", "nothing"]) {
      expect(read(net.certified(entries, key), key)).toEqual({ ok: true, asOf: 16, checkpoint: expect.anything() as unknown });
    }
    expect(read(net.certified({}, "key4"))).toMatchObject({ ok: true });
  });

  it("is refused after any single change", () => {
    for (const key of ["key4", "absent"]) {
      const mutations = mutationsOf(net.certified(entries, key));
      expect(mutations.length).toBeGreaterThan(50);
      expect(mutations.filter(({ document }) => read(document, key).ok).map(({ what }) => what)).toEqual([]);
    }
  });

  it.each<[string, unknown, string]>([
    ["of another key", net.certified(entries, "key5"), "other-key"],
    ["with a value that is not there", { ...net.certified(entries, "absent"), key: "key4" }, "bad-state-proof"],
    [
      "that hides a value",
      { key: "key4", consistency: "certified", asOf: 16, proof: net.certified(entries, "key4").proof },
      "bad-state-proof",
    ],
    ["of another network", createPaperNetwork(4, "other").certified(entries, "key4"), "bad-certificate"],
    ["under other validators", net.certified(entries, "key4", 16, createPaperNetwork(4, "other").committee), "bad-certificate"],
    ["of the genesis", net.certified(entries, "key4", 0), "other-place"],
    ["of an older checkpoint than asked for", net.certified(entries, "key4", 15), "too-old"],
    ["that is local", { ...net.certified(entries, "key4"), consistency: "local" }, "malformed"],
    ["without proof", { ...net.certified(entries, "key4"), proof: undefined }, "no-proof"],
  ])("%s is refused", (_name, document, problem) => {
    expect(problemOf(read(document, "key4", 16))).toBe(problem);
  });

  it("can be written down and checked elsewhere; no single change of the document passes", () => {
    const document = createProofDocument(net.genesis, net.certified(entries, "key4"));
    expect(verifyProofDocument(net.genesis, JSON.parse(JSON.stringify(document)))).toMatchObject({ ok: true, key: utf8("key4"), asOf: 16 });
    expect(
      mutationsOf(document)
        .filter((each) => verifyProofDocument(net.genesis, each.document).ok)
        .map(({ what }) => what),
    ).toEqual([]);
    expect(problemOf(verifyProofDocument(createPaperNetwork(4, "other").genesis, document))).toBe("other-network");
  });
});

describe("an ordered read", () => {
  const asked = net.request(8, [{ type: "get", key: utf8("k") }]);
  const read: KvResult = { type: "get", entry: { value: utf8("v"), version: 3 } };
  const document = createAnswerDocument(net.genesis, asked, net.answer(asked, [read]));

  it("can be written down and checked elsewhere; no single change of the document passes", () => {
    const verdict = verifyProofDocument(net.genesis, JSON.parse(JSON.stringify(document)));
    expect(verdict).toMatchObject({ ok: true, key: utf8("k"), asOf: 9, entry: { version: 3 } });
    const mutations = mutationsOf(document);
    expect(mutations.length).toBeGreaterThan(100);
    expect(mutations.filter((each) => verifyProofDocument(net.genesis, each.document).ok).map(({ what }) => what)).toEqual([]);
  });

  it("is not a request that did something else", () => {
    const other = createAnswerDocument(net.genesis, request, answer);
    expect(problemOf(verifyProofDocument(net.genesis, other))).toBe("malformed");
  });
});

describe("a certified read of another application's state", () => {
  const entries = { key4: { value: "value 4", version: 5, sequence: 6 }, key5: { value: "value 5", version: 1, sequence: 7 } };
  /** to the ledger, an entry of the key-value store is bytes under a key, as any application's */
  const stateAnswer = (key: string) => {
    const { asOf, consistency, proof, ...rest } = net.certified(entries, key);
    const value = "value" in rest ? { value: Buffer.from(encodeEntry(5, 6, utf8(rest.value))).toString("base64"), encoding: "base64" } : {};
    return { key, asOf, consistency, proof, ...value };
  };

  it("is believed for what is there and for what is not, and refused after any single change", () => {
    const verdict = verifyState(net.genesis, utf8("key4"), stateAnswer("key4"));
    expect(verdict.ok && verdict.value).toEqual(encodeEntry(5, 6, utf8("value 4")));
    expect(verifyState(net.genesis, utf8("none"), stateAnswer("none"))).toMatchObject({ ok: true, asOf: 16 });
    for (const key of ["key4", "none"]) {
      const passed = mutationsOf(stateAnswer(key)).filter(({ document }) => verifyState(net.genesis, utf8(key), document).ok);
      expect(passed.map(({ what }) => what)).toEqual([]);
    }
    expect(problemOf(verifyState(net.genesis, utf8("key5"), stateAnswer("key4")))).toBe("other-key");
    expect(problemOf(verifyState(net.genesis, utf8("key4"), stateAnswer("key4"), 17))).toBe("too-old");
  });
});
