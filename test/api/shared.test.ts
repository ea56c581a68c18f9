/** Shared documents over HTTP, with real documents behind it. */
import { describe, expect, it } from "vitest";
import { openDocuments } from "../../src/documents/documents.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { author, isAuthor, signBytes } from "../documents/support.ts";
import { createFakeService } from "./fake-service.ts";
import { start } from "./harness.ts";

const startShared = async (writes = true): Promise<string> => {
  const shared = await openDocuments({ store: createMemoryStore(), signBytes, isAuthor, ...(writes ? { key: author(0) } : {}) });
  const { url } = await start({ service: { ...createFakeService(), shared } });
  return `${url}/v1/shared`;
};
const post = (url: string, changes: unknown, type = "application/json"): Promise<Response> =>
  fetch(url, { method: "POST", headers: { "content-type": type }, body: JSON.stringify({ changes }) });
const json = async (answer: Response | Promise<Response>): Promise<unknown> => (await answer).json();

describe("/v1/shared", () => {
  it("makes a document, shows and lists it", async () => {
    const url = await startShared();
    const edited = await json(post(`${url}/plan`, [{ type: "register-set", path: ["title"], value: "ours" }]));
    const { digest } = edited as { digest: string };
    expect(edited).toEqual({ name: "plan", operation: expect.stringMatching(/^[0-9a-f]{64}$/), sequence: 1, digest });
    await post(`${url}/plan`, [
      { type: "counter-add", path: ["deep", "votes"], amount: Number.MAX_SAFE_INTEGER },
      { type: "counter-add", path: ["deep", "votes"], amount: 2 },
    ]);
    const text = await (await fetch(`${url}/plan`)).text();
    expect(text).toContain('"content":{"deep":{"map":{"votes":{"counter":9007199254740993}}},"title":{"register":["ours"]}}');
    expect(JSON.parse(text)).toMatchObject({ name: "plan", operations: 2, forkers: [], heads: [expect.any(String)] });
    const raw = await fetch(`${url}/plan?raw=1`);
    expect(await raw.text()).toBe('{"deep":{"map":{"votes":{"counter":9007199254740993}}},"title":{"register":["ours"]}}');
    const { items } = (await json(fetch(url))) as { items: readonly { digest: string }[] };
    expect(items).toEqual([{ name: "plan", operations: 2, digest: expect.not.stringContaining(digest) }]);
    expect(raw.headers.get("etag")).toBe(`"${items[0]?.digest}"`);
  });

  it("puts elements behind one another by their ids", async () => {
    const url = `${await startShared()}/todo`;
    await post(url, [
      { type: "list-insert", path: ["l"], value: "a" },
      { type: "list-insert", path: ["l"], value: "b", after: ":0" },
    ]);
    const list = async (): Promise<readonly { id: string; value: string }[]> =>
      ((await json(fetch(url))) as { content: { l: { list: readonly { id: string; value: string }[] } } }).content.l.list;
    const [first] = await list();
    await post(url, [{ type: "list-insert", path: ["l"], value: "between", after: first?.id }]);
    await post(url, [{ type: "list-remove", path: ["l"], element: first?.id }]);
    expect((await list()).map(({ value }) => value)).toEqual(["between", "b"]);
  });

  it("refuses with a code what is not there or not valid", async () => {
    const url = await startShared();
    const codeOf = async (answer: Promise<Response>): Promise<unknown> => ((await json(answer)) as { code: unknown }).code;
    const good = { type: "counter-add", path: ["c"], amount: 1 };
    expect(await codeOf(fetch(`${url}/nothing`))).toBe("not_found");
    expect(await codeOf(fetch(`${url}/Bad%20name`))).toBe("invalid_request");
    expect(await codeOf(post(`${url}/Bad`, [good]))).toBe("invalid_request");
    expect(await codeOf(post(`${url}/plan`, [good], "text/plain"))).toBe("invalid_request");
    const element = `${"ab".repeat(32)}:0`;
    for (const changes of [
      [],
      [{ ...good, amount: 0 }],
      [{ ...good, amount: 1.5 }],
      [{ ...good, path: [] }],
      [{ ...good, path: ["x".repeat(65)] }],
      [{ type: "set-add", path: ["s"], value: "x".repeat(5000) }],
      [{ type: "list-remove", path: ["l"], element }],
      [{ type: "list-insert", path: ["l"], value: "x", after: "nonsense" }],
      Array.from({ length: 65 }, () => good),
    ]) {
      expect([changes, await codeOf(post(`${url}/plan`, changes))]).toEqual([changes, "invalid_request"]);
    }
    expect(await json(fetch(url))).toEqual({ items: [] });
    expect(await codeOf(post(`${await startShared(false)}/plan`, [good]))).toBe("invalid_request");
  });
});
