import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeAnswers, encodeAnswers, createResultProver, resultsRootOf, verifyResultProof } from "../../src/ledger/answers.ts";
import type { Answer, Outcome } from "../../src/ledger/answers.ts";
import { toDigest, toSequence } from "../../src/protocol/ids.ts";
import { hex, sha } from "./support.ts";

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ status: "executed" }),
  fc
    .tuple(fc.maxSafeNat(), fc.nat(4096))
    .map(([sequence, index]): Outcome => ({ status: "duplicate", sequence: toSequence(sequence), index })),
  fc.constantFrom<Outcome>({ status: "refused", reason: "stale" }, { status: "refused", reason: "sequence-too-far" }),
  fc.maxSafeNat().map((floor): Outcome => ({ status: "refused", reason: "session-expired", floor })),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toDigest(hex(bytes))),
  outcome,
  results: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }),
});
const answers = fc.array(answer, { maxLength: 20 });

describe("answers", () => {
  it("come back from the store as they were, and nothing else decodes", () => {
    fc.assert(
      fc.property(answers, fc.nat(), fc.nat(255), (all, at, byte) => {
        const bytes = encodeAnswers(all);
        expect(decodeAnswers(bytes)).toEqual(all);
        const mutated = bytes.slice();
        mutated[at % mutated.length] = byte;
        for (const candidate of [mutated, bytes.subarray(0, at % bytes.length), new Uint8Array([...bytes, 0])]) {
          const decoded = decodeAnswers(candidate);
          if (decoded !== undefined) expect(hex(encodeAnswers(decoded))).toBe(hex(candidate));
        }
      }),
    );
  });

  it("are proved one by one; no proof fits another answer, place or root", () => {
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 20 }), fc.nat(), answer, (all, pick, other) => {
        const index = pick % all.length;
        const root = resultsRootOf(all);
        const prover = createResultProver(all);
        expect(prover.root).toBe(root);
        const proof = prover.prove(index);
        const own = all[index] as Answer;
        expect(verifyResultProof(root, own, proof)).toBe(true);
        expect(verifyResultProof(root, other, proof)).toBe(false);
        expect(verifyResultProof(root, { ...own, results: [...own.results, new Uint8Array()] }, proof)).toBe(false);
        expect(verifyResultProof(resultsRootOf([...all, other]), own, proof)).toBe(false);
        expect(verifyResultProof(root, own, { ...proof, siblings: [...proof.siblings, root] })).toBe(false);
        if (all.length > 1) expect(verifyResultProof(root, own, { ...proof, siblings: proof.siblings.slice(1) })).toBe(false);
        for (const wrong of [-1, 0.5, all.length, NaN]) expect(verifyResultProof(root, own, { ...proof, index: wrong })).toBe(false);
        expect(verifyResultProof(root, own, { ...proof, count: Infinity })).toBe(false);
      }),
    );
    expect(() => createResultProver([]).prove(0)).toThrow(RangeError);
  });

  it("have the root that docs/ledger.md promises", () => {
    const [a, b, c] = ["01", "02", "03"].map((byte): Answer => ({
      id: toDigest(byte.repeat(32)),
      outcome: { status: "executed" },
      results: [Uint8Array.of(9)],
    })) as [Answer, Answer, Answer];
    const leaf = (id: string) => sha(Buffer.from(`00${id.repeat(32)}00`, "hex"), sha(Buffer.from("00010000000109", "hex")));
    const node = (left: Uint8Array, right: Uint8Array) => sha(Uint8Array.of(1), left, right);
    expect(resultsRootOf([])).toBe("0".repeat(64));
    expect(resultsRootOf([a])).toBe(hex(leaf("01")));
    expect(resultsRootOf([a, b, c])).toBe(hex(node(node(leaf("01"), leaf("02")), leaf("03"))));
    expect(hex(encodeAnswers([a]))).toBe(`0001${"01".repeat(32)}00` + "00010000000109");
  });
});
