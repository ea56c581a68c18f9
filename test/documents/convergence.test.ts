/** Whatever was written, and in whatever order it arrives: one document. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDocument } from "../../src/documents/document.ts";
import type { Document } from "../../src/documents/document.ts";
import { verifyForkProof } from "../../src/documents/fork.ts";
import { author, delivery, documentOf, exchange, mergeAll, name, play, signBytes, steps } from "./support.ts";

const honest = fc.record({ steps, forking: fc.constant(false) });
const forking = fc.record({ steps, forking: fc.constant(true) });

/** Every pair in turn until nothing moves. */
const exchangeAll = (documents: readonly Document[]): void => {
  for (let round = 0; round < 8; round++) {
    let moved = 0;
    for (const a of documents) for (const b of documents) if (a !== b) moved += exchange(a, b);
    if (moved === 0) return;
  }
  throw new Error("the copies do not come to rest");
};

describe("convergence of honest authors", () => {
  it("shows the same bytes for the same operations in any order, repeated or not", () => {
    fc.assert(
      fc.property(
        honest.chain((run) => {
          const { all } = play(run.steps, run.forking);
          return fc.record({ all: fc.constant(all), first: delivery(all), second: delivery(all) });
        }),
        ({ all, first, second }) => {
          const inOrder = documentOf(...all);
          for (const order of [first, second]) {
            const document = documentOf(...order);
            expect(document.show()).toBe(inOrder.show());
            expect(document.digest()).toBe(inOrder.digest());
            expect([document.size, document.pending, document.forks()]).toEqual([all.length, 0, []]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("brings copies of anything together, and loses no operation", () => {
    fc.assert(
      fc.property(honest, (run) => {
        const { copies, all } = play(run.steps, run.forking);
        exchangeAll(copies);
        const whole = documentOf(...all);
        for (const copy of copies) expect([copy.show(), copy.digest(), copy.size]).toEqual([whole.show(), whole.digest(), all.length]);
      }),
      { numRuns: 60 },
    );
  });

  it("comes together although any of the operations sent are lost on the way, as long as the exchange goes on", () => {
    fc.assert(
      fc.property(honest, fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }), (run, losses) => {
        const { copies } = play(run.steps, run.forking);
        const [a, b] = copies as [Document, Document];
        let at = 0;
        for (let round = 0; round < 6; round++) {
          const lost = (): boolean => losses[at++ % losses.length] === true;
          mergeAll(
            b,
            a.missingFor(b.summary()).operations.filter(() => !lost()),
          );
          mergeAll(
            a,
            b.missingFor(a.summary()).operations.filter(() => !lost()),
          );
        }
        exchange(a, b);
        expect(a.show()).toBe(b.show());
        expect(a.digest()).toBe(b.digest());
      }),
      { numRuns: 40 },
    );
  });
});

describe("convergence although an author forks", () => {
  it("ends with the same bytes everywhere, and with proof against him and nobody else", () => {
    fc.assert(
      fc.property(forking, (run) => {
        const { copies, all } = play(run.steps, run.forking);
        exchangeAll(copies);
        const [first, ...others] = copies as [Document, ...Document[]];
        for (const other of others) expect([other.show(), other.digest(), other.size]).toEqual([first.show(), first.digest(), first.size]);
        const slots = new Map<number, Set<string>>();
        for (const { author: by, sequence, id } of all) {
          if (by === author(2).publicKey) slots.set(sequence, (slots.get(sequence) ?? new Set()).add(id));
        }
        const forked = [...slots.values()].some((ids) => ids.size > 1);
        for (const copy of copies) {
          const proofs = copy.forks();
          expect(proofs.map((proof) => proof.author)).toEqual(forked ? [author(2).publicKey] : []);
          for (const proof of proofs) expect(verifyForkProof(signBytes, proof)).toBe(true);
        }
        // whatever the others wrote is there
        for (const { id, author: by } of all) if (by !== author(2).publicKey) expect(first.has(id)).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it("depends on the operations alone, not on their order", () => {
    fc.assert(
      fc.property(
        forking.chain((run) => {
          const { all } = play(run.steps, run.forking);
          return fc.record({ first: delivery(all), second: delivery(all) });
        }),
        ({ first, second }) => {
          const [a, b] = [documentOf(...first), documentOf(...second)];
          expect(a.show()).toBe(b.show());
          expect(a.digest()).toBe(b.digest());
          expect(a.forks().length).toBe(b.forks().length);
        },
      ),
      { numRuns: 80 },
    );
  });

  it("survives being written and read again at any point", () => {
    fc.assert(
      fc.property(forking, fc.nat(), (run, cut) => {
        const { all } = play(run.steps, run.forking);
        const at = cut % (all.length + 1);
        const before = documentOf(...all.slice(0, at));
        const restored = createDocument(name, { operations: before.operations(), forks: before.forks() });
        expect([restored.show(), restored.digest(), restored.size]).toEqual([before.show(), before.digest(), before.size]);
        // what only waited is not written: it comes again
        mergeAll(restored, all);
        const whole = documentOf(...all);
        expect([restored.show(), restored.digest()]).toEqual([whole.show(), whole.digest()]);
      }),
      { numRuns: 40 },
    );
  });
});
