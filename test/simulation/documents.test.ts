/** Shared documents under everything that fails, and the judges that look at them (PROTOCOL §11). */
import { describe, expect, it } from "vitest";
import { editDocuments } from "../../src/simulator/editing.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { runUniverse, type UniverseOptions } from "../../src/simulator/universe.ts";
import { decodeSyncFrame } from "../../src/wire/frames.ts";

const second = 1_000_000;
const cut: UniverseOptions = {
  seed: 5n,
  nodes: 4,
  faults: 0,
  calm: true,
  documents: true,
  adjust: (plan) => ({ ...plan, faults: ["split", "flap", "isolate-one"], faultEveryUs: second / 2, safetyUs: 4 * second }),
};

describe("documents that all sides of a cut edit", () => {
  it("are one in the end, with every edit, whatever else fails", async () => {
    const { violations } = await simulate({ seed: 1n, runs: 2, scenario: "documents" });
    expect(violations).toEqual([]);
  });

  it("are the same each time a seed is run", async () => {
    const again: UniverseOptions = { ...cut, maxSteps: 8_000, stage: editDocuments };
    const [first, next] = [await runUniverse(again), await runUniverse(again)];
    expect(next.traceHash).toBe(first.traceHash);
  });

  it("are edited, merged and anchored", async () => {
    let shown: string[] = [];
    let anchors = 0;
    const report = await runUniverse({
      ...cut,
      stage(world) {
        const staged = editDocuments(world);
        return {
          ...staged,
          async settled() {
            await staged.settled?.();
            const documents = world.nodes.map(({ sharing }) => sharing?.documents.list() ?? []);
            shown = documents.map((list) => JSON.stringify(list));
            anchors = documents[0]?.filter(({ name }) => world.nodes[0]?.data?.ledger.anchor(name) !== undefined).length ?? 0;
            expect(documents[0]?.reduce((sum, { operations }) => sum + operations, 0)).toBeGreaterThan(8);
          },
        };
      },
    });
    expect(report.violation).toBeUndefined();
    expect(report.recoveryMs).toBeDefined();
    expect([new Set(shown).size, anchors]).toEqual([1, 3]);
  });
});

describe("the judges of documents", () => {
  it("notice an edit that was acknowledged and is gone", async () => {
    const report = await runUniverse({
      ...cut,
      stage(world) {
        const staged = editDocuments(world);
        // the judge is shown documents of which one lacks what was written
        return {
          ...staged,
          settled() {
            for (const node of world.nodes) {
              const { sharing } = node;
              if (sharing === undefined) continue;
              const { read } = sharing.documents;
              Object.assign(sharing.documents, {
                read: async (name: Parameters<typeof read>[0]) => {
                  const found = await read(name);
                  const text = new TextDecoder().decode(found?.bytes).replace(/"made":\{"set":\["[^"]*",/, '"made":{"set":[');
                  return found && { ...found, bytes: new TextEncoder().encode(text) };
                },
              });
            }
            return staged.settled?.();
          },
        };
      },
    });
    expect(report.violation?.invariant).toBe("no-edit-is-lost");
  });

  it("wait for those who are told nothing", async () => {
    const report = await runUniverse({
      ...cut,
      // nobody ever hears from node 0 what it wrote
      filter: (from, _to, channel, frame) => {
        const decoded = from === 0 && channel === "sync" ? decodeSyncFrame(frame) : undefined;
        return !(decoded?.ok === true && decoded.value.kind === "documents");
      },
      stage: editDocuments,
    });
    expect(report.violation?.invariant).toBe("eventual-commit");
  });
});
