/** Anchors of shared documents: f+1 claims make one, claims are bounded, and anyone checks one offline (docs/ledger.md, "Anchors"). */
import { beforeEach, describe, expect, it } from "vitest";
import { decodeClaims, encodeClaims, isLedgerOperation, maxClaims, verifyAnchor } from "../../src/ledger/anchors.ts";
import type { Claim } from "../../src/ledger/anchors.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { toDigest, toSequence } from "../../src/protocol/ids.ts";
import type { PublicKey } from "../../src/protocol/ids.ts";
import type { Store } from "../../src/storage/port.ts";
import { baseTime, client, committeeOf, hex, open, request, run, sha, bytes, validator } from "./support.ts";

const digest = (text: string) => toDigest(hex(sha(bytes(text))));
const claim = (name: string, text = name): Claim => ({ name, digest: digest(text) });

let store: Store;
let ledger: Ledger;
let number: number;
beforeEach(async () => {
  store = createMemoryStore();
  ledger = await open(store);
  number = 0;
});

/** Orders one operation; the bytes of its result as numbers. */
const order = async (who: PublicKey, operation: Uint8Array): Promise<number[]> => {
  number += 1;
  const { answers } = await run(ledger, store, [request(who, number, [operation])]);
  return [...(answers[0]?.results[0] ?? [])];
};
const claims = (index: number, ...list: readonly Claim[]) => order(validator(index), encodeClaims(list));
const [done, malformed, stranger] = [1, 2, 3];
const [claimed, anchored, known] = [0, 1, 2];

describe("an anchor", () => {
  it("comes with the claim of the f+1st validator, once, and says who claimed it", async () => {
    expect(await claims(2, claim("plan"))).toEqual([done, claimed]);
    expect(ledger.anchor("plan")).toBeUndefined();
    expect(await claims(0, claim("plan"))).toEqual([done, anchored]);
    const anchor = { digest: digest("plan"), sequence: 2, timeMs: baseTime, validators: [validator(0), validator(2)] };
    expect(ledger.anchor("plan")).toEqual(anchor);
    expect(await claims(1, claim("plan"))).toEqual([done, known]);
    expect(ledger.anchor("plan")).toEqual(anchor);
  });

  it("takes f+1 of any size of committee: one of one, three of seven", async () => {
    for (const [n, needed] of [
      [1, 1],
      [3, 1],
      [7, 3],
    ] as const) {
      // prettier-ignore
      store = createMemoryStore();
      ledger = await open(store, { committee: committeeOf(n) });
      for (let index = 0; index < needed; index += 1) {
        expect(ledger.anchor("plan")).toBeUndefined();
        await claims(index, claim("plan"));
      }
      expect([n, ledger.anchor("plan")?.validators.length]).toEqual([n, needed]);
    }
  });

  it("is not made by one validator that says it twice, by different digests, or by strangers", async () => {
    await claims(1, claim("plan"));
    expect(await claims(1, claim("plan"))).toEqual([done, claimed]);
    expect(await claims(2, claim("plan", "another"))).toEqual([done, claimed]);
    expect(await order(client(0), encodeClaims([claim("plan")]))).toEqual([stranger]);
    expect(ledger.anchor("plan")).toBeUndefined();
  });

  it("follows the document: the next digest takes its place", async () => {
    for (const text of ["first", "second"]) {
      await claims(0, claim("plan", text));
      await claims(3, claim("plan", text));
      expect(ledger.anchor("plan")?.digest).toBe(digest(text));
    }
    expect(ledger.anchor("plan")?.sequence).toBe(4);
  });
});

describe("claims", () => {
  it("take the place of the validator's former ones: what he no longer says does not count", async () => {
    await claims(0, claim("a"), claim("b"));
    await claims(0, claim("b"));
    expect(await claims(1, claim("a"), claim("b"))).toEqual([done, claimed, anchored]);
    expect(ledger.anchor("a")).toBeUndefined();
  });

  it("leave nothing in the state once they are anchored, so that no former word leads an anchor back", async () => {
    await claims(0, claim("a", "old"), claim("b"));
    await claims(1, claim("a", "new"));
    expect([...ledger.claims(validator(0)).keys()]).toEqual(["a", "b"]);
    await claims(2, claim("a", "new"));
    expect([...ledger.claims(validator(0)).keys()]).toEqual(["b"]);
    expect([1, 2].map((index) => ledger.claims(validator(index)).size)).toEqual([0, 0]);
    expect(await claims(3, claim("a", "old"))).toEqual([done, claimed]);
    expect(ledger.anchor("a")?.digest).toBe(digest("new"));
    await claims(0);
    await claims(3);
    const keys: string[] = [];
    await run(ledger, store, []);
    await run(ledger, store, []);
    for await (const chunk of ledger.snapshot(toSequence(8))) keys.push(...chunk.map(({ key }) => hex(key).slice(0, 4)));
    expect(keys.toSorted()).toEqual(["0000", "0001", "0001", "0001", "0001", "0003"]);
  });

  it("are at most 64, each document once, and malformed ones change nothing", async () => {
    const many = Array.from({ length: maxClaims + 1 }, (_, index) => claim(`d${String(index).padStart(3, "0")}`));
    expect(await order(validator(0), encodeClaims(many))).toEqual([malformed]);
    expect((await claims(0, ...many.slice(0, maxClaims))).length).toBe(1 + maxClaims);
    expect(await claims(0, claim("b"), claim("a"))).toEqual([malformed]);
    expect(await claims(0, claim("a"), claim("a", "x"))).toEqual([malformed]);
    expect(await order(validator(0), Uint8Array.of(0))).toEqual([malformed]);
    expect(await order(validator(0), Uint8Array.of(0, 9))).toEqual([malformed]);
    expect(await order(validator(0), Uint8Array.of(...encodeClaims([claim("a")]), 0))).toEqual([malformed]);
  });

  it("survive encoding", () => {
    const list = [claim("a"), claim("b", "x")];
    expect(decodeClaims(encodeClaims(list))).toEqual(list);
    expect(isLedgerOperation(encodeClaims([]))).toBe(true);
    expect(isLedgerOperation(Uint8Array.of(1, 2))).toBe(false);
    expect(isLedgerOperation(new Uint8Array())).toBe(false);
  });
});

describe("the proof of an anchor", () => {
  it("holds against a checkpoint's root, for the anchor and for its absence, and for nothing else", async () => {
    await claims(0, claim("plan"));
    await claims(1, claim("plan"));
    await run(ledger, store, []);
    await run(ledger, store, []);
    const { checkpoint, anchor, proof } = ledger.proveAnchor("plan", toSequence(4));
    expect(anchor).toEqual(ledger.anchor("plan"));
    expect(verifyAnchor(checkpoint.stateRoot, "plan", anchor, proof)).toBe(true);
    expect(verifyAnchor(checkpoint.stateRoot, "plan", undefined, proof)).toBe(false);
    expect(verifyAnchor(checkpoint.stateRoot, "plot", anchor, proof)).toBe(false);
    if (anchor !== undefined) {
      expect(verifyAnchor(checkpoint.stateRoot, "plan", { ...anchor, digest: digest("x") }, proof)).toBe(false);
      expect(verifyAnchor(checkpoint.stateRoot, "plan", { ...anchor, sequence: toSequence(1) }, proof)).toBe(false);
    }
    const none = ledger.proveAnchor("other", toSequence(4));
    expect(none.anchor).toBeUndefined();
    expect(verifyAnchor(checkpoint.stateRoot, "other", undefined, none.proof)).toBe(true);
  });
});
