/** What the report of a partition says about documents: who wrote what without knowing of the others. */
import { beforeEach, describe, expect, it } from "vitest";
import { createDocument } from "../../../src/documents/document.ts";
import type { Document } from "../../../src/documents/document.ts";
import type { DocumentName, GenuineOperation } from "../../../src/documents/operation.ts";
import { createReconciliation, type Reconciliation } from "../../../src/node/sharing/reconciliation.ts";
import { toReplicaIndex } from "../../../src/protocol/ids.ts";
import { add, committee, edit, mergeAll, name, put, sign, take, write } from "../../documents/support.ts";

const side = [0, 1].map(toReplicaIndex);

let reconciliation: Reconciliation;
/** as this side has it, and as the other has it */
let here: Document;
let there: Document;
beforeEach(() => {
  reconciliation = createReconciliation(committee);
  here = createDocument(name);
  there = createDocument(name);
});
const written = (by: number, ...changes: Parameters<typeof edit>[2][]): GenuineOperation => {
  const operation = edit(here, by, ...changes);
  reconciliation.added(name, [operation]);
  return operation;
};
const arrive = (operations: readonly GenuineOperation[]): void => {
  mergeAll(here, operations);
  reconciliation.added(name, operations);
};

describe("a reconciliation", () => {
  it("counts the changes of both sides, and finds what met", () => {
    reconciliation.links(side);
    written(0, write("left", "t"), put("x", "s"));
    written(1, add(1, "votes"));
    edit(there, 2, write("right", "t"));
    edit(there, 3, take("x", "s"), add(5, "votes"));
    // the links come back one after the other
    reconciliation.links([...side, toReplicaIndex(2)]);
    reconciliation.links(undefined);
    arrive(there.operations());
    const { documents, conflicts } = reconciliation.report();
    expect(documents).toEqual([{ name: "plan", ours: 3, theirs: 3 }]);
    expect(conflicts).toEqual([
      { kind: "concurrent-values", document: "plan", detail: 't: "left" and "right"', resolution: expect.any(String) },
      { kind: "add-and-remove", document: "plan", detail: 's: "x" added and removed', resolution: expect.any(String) },
    ]);
  });

  it("leaves out what is written with knowledge of both sides", () => {
    reconciliation.links(side);
    const mine = written(0, write("left", "t"));
    const theirs = edit(there, 2, write("right", "t"));
    reconciliation.links(undefined);
    arrive([theirs]);
    written(1, write("agreed", "t"));
    mergeAll(there, [mine]);
    arrive([edit(there, 2, write("chosen", "t"))]);
    expect(reconciliation.report()).toMatchObject({ documents: [{ ours: 1, theirs: 1 }], conflicts: [{}] });
  });

  it("knows of nothing before the links break, and after a partition is over", () => {
    written(0, add(1, "c"));
    reconciliation.links(side);
    written(0, add(1, "c"));
    reconciliation.reset();
    written(0, add(1, "c"));
    arrive([sign(2, 1, [], add(1, "c"))]);
    expect(reconciliation.report()).toEqual({ documents: [], conflicts: [] });
  });

  it("is bounded: 64 documents, and 16 conflicts", () => {
    reconciliation.links(side);
    const [ours, theirs] = [sign(0, 1, [], write("a", "t")), sign(2, 1, [], write("b", "t"))];
    for (let index = 0; index < 100; index += 1) reconciliation.added(`d${index}` as DocumentName, [ours, theirs]);
    const { documents, conflicts } = reconciliation.report();
    expect([documents.length, conflicts.length]).toEqual([64, 16]);
  });
});
