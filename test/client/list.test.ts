/** Lists that prove themselves entry by entry, and are whole when f+1 nodes say so. */
import { describe, expect, it } from "vitest";
import { createClient } from "../../src/client/client.ts";
import type { Distrust } from "../../src/client/client.ts";
import { verifyList } from "../../src/client/verify-list.ts";
import { mutationsOf } from "./mutations.ts";
import { createPaperNetwork } from "./world.ts";

const world = createPaperNetwork(4);
const { genesis } = world;
const entries = {
  "a/1": { value: "one", version: 1, sequence: 3 },
  "a/2": { value: "two", version: 2, sequence: 4 },
  "a/3": { value: "three", version: 1, sequence: 9 },
};
const prefix = new TextEncoder().encode("a/");

/** As an honest node gives it. */
const answerOf = (keys: readonly (keyof typeof entries)[] = ["a/1", "a/2", "a/3"], sequence = 16) => {
  const reads = keys.map((key) => world.certified(entries, key, sequence));
  const { proof } = world.certified(entries, "a/1", sequence);
  return {
    items: reads.map(({ proof: own, asOf: _asOf, consistency: _consistency, ...entry }) => ({ ...entry, path: own?.path })),
    consistency: "certified",
    asOf: sequence,
    checkpoint: proof?.checkpoint,
  };
};
const values = (items: readonly { readonly value: Uint8Array }[]): string[] => items.map(({ value }) => Buffer.from(value).toString());

describe("a certified list", () => {
  it("is believed with each entry's path to a checkpoint that a quorum signed", () => {
    const verdict = verifyList(genesis, { prefix }, answerOf());
    expect(verdict).toMatchObject({ ok: true, more: false, asOf: 16 });
    if (verdict.ok) expect(values(verdict.items)).toEqual(["one", "two", "three"]);
  });

  it("never shows what was not there, whatever single thing is changed", () => {
    const truth = JSON.stringify(verifyList(genesis, { prefix }, answerOf()));
    let refused = 0;
    for (const { what, document } of mutationsOf(answerOf())) {
      const verdict = verifyList(genesis, { prefix }, document);
      if (!verdict.ok) {
        refused += 1;
        continue;
      }
      // what is left out is for f+1 nodes to tell
      for (const item of verdict.items) expect(truth, what).toContain(JSON.stringify(item));
      expect(new Set(verdict.items.map(({ key }) => key.join())).size, what).toBe(verdict.items.length);
    }
    expect(refused).toBeGreaterThan(150);
  });

  it("is refused when it is about other keys, or tells them out of order", () => {
    expect(verifyList(genesis, { prefix: new TextEncoder().encode("b/") }, answerOf())).toMatchObject({ problem: "other-key" });
    expect(verifyList(genesis, { prefix, after: new TextEncoder().encode("a/1") }, answerOf())).toMatchObject({ problem: "other-key" });
    expect(verifyList(genesis, { prefix }, answerOf(["a/2", "a/1"]))).toMatchObject({ problem: "other-key" });
    expect(verifyList(genesis, { prefix }, { ...answerOf(), checkpoint: undefined })).toMatchObject({ problem: "no-proof" });
  });
});

describe("a client's list", () => {
  const clientOf = (...answers: readonly (() => unknown)[]) => {
    const distrusted: Distrust[] = [];
    const fetchFrom = async (url: unknown): Promise<Response> => Response.json(answers[Number(/node(\d)/.exec(String(url))?.[1])]?.());
    const urls = answers.map((_, node) => `http://node${node}`);
    const client = createClient({ genesis, urls, fetch: fetchFrom as typeof fetch, distrusted: (each) => distrusted.push(each) });
    return { client, distrusted };
  };
  const whole = () => answerOf();
  const short = () => answerOf(["a/1", "a/3"]);
  const forged = () => ({ ...answerOf(), items: answerOf().items.map((item) => ({ ...item, value: "forged" })) });

  it("is whole though a node leaves something out, and true though another forges", async () => {
    const { client, distrusted } = clientOf(short, forged, whole, whole);
    expect(values((await client.listCertified({ prefix: "a/" })).items)).toEqual(["one", "two", "three"]);
    expect(distrusted).toEqual([expect.objectContaining({ url: "http://node1", problem: "bad-state-proof" })]);
  });

  it("waits until f+1 nodes are at the same checkpoint", async () => {
    let asked = 0;
    const late = () => ((asked += 1) < 3 ? answerOf(["a/1"], 8) : answerOf());
    const { client } = clientOf(whole, late);
    expect(await client.listCertified({ prefix: "a/" })).toMatchObject({ asOf: 16 });
    expect(asked).toBe(3);
  });

  it("is not believed of fewer than f+1 nodes, nor when they do not agree", async () => {
    await expect(clientOf(whole).client.listCertified()).rejects.toMatchObject({ code: "invalid_request" });
    await expect(clientOf(whole, short).client.listCertified({ prefix: "a/" })).rejects.toMatchObject({ code: "outcome_unknown" });
    await expect(clientOf(forged, forged).client.listCertified({ prefix: "a/" })).rejects.toMatchObject({ code: "verification_failed" });
  });
});
