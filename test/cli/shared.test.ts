/** `byz shared` against a node that is only HTTP, with real documents behind it. */
import { afterEach, describe, expect, it } from "vitest";
import { createApi, type Api } from "../../src/api/create-api.ts";
import { openDocuments } from "../../src/documents/documents.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { createFakeService } from "../api/fake-service.ts";
import { author, isAuthor, signBytes } from "../documents/support.ts";
import { run } from "./harness.ts";
import type { Ran } from "./harness.ts";

const running = new Set<Api>();
afterEach(async () => {
  await Promise.all([...running].map((api) => api.close()));
  running.clear();
});

const startShared = async (): Promise<(...args: string[]) => Promise<Ran>> => {
  const shared = await openDocuments({ store: createMemoryStore(), signBytes, isAuthor, key: author(0) });
  const api = createApi({ service: { ...createFakeService(), shared }, host: "127.0.0.1", port: 0 });
  running.add(api);
  const url = await api.listen();
  return (...args) => run(["shared", ...args, "--api", url]);
};

describe("byz shared", () => {
  it("edits, shows and lists a document of every type", async () => {
    const shared = await startShared();
    expect((await shared("list")).stdout).toBe("no shared documents\n");
    const first = await shared(
      "edit",
      "plan",
      "--set",
      "title=a=b",
      "--count",
      "votes=-2",
      "--add",
      "team/members=ann",
      "--add",
      "team/members=bo",
    );
    expect(first).toMatchObject({ status: 0, stdout: expect.stringMatching(/^plan has edit [0-9a-f]+.*, number 1 of this node's\n$/) });
    expect(await shared("edit", "plan", "--append", "todo=one", "--append", "todo=two")).toMatchObject({ status: 0 });
    expect(await shared("edit", "plan", "--append", "todo=three", "--remove", "team/members=bo", "--clear", "votes")).toMatchObject({
      status: 0,
    });
    const { content, operations } = JSON.parse((await shared("show", "plan", "--json")).stdout) as {
      operations: number;
      content: { todo: { list: { value: string }[] } };
    };
    expect(operations).toBe(3);
    expect(content).toMatchObject({ title: { register: ["a=b"] }, team: { map: { members: { set: ["ann"] } } } });
    expect(content).not.toHaveProperty("votes");
    expect(content.todo.list.map(({ value }) => value)).toEqual(["one", "two", "three"]);
    expect((await shared("show", "plan", "--raw")).stdout).toBe(
      JSON.stringify(content, Object.keys(content).length === 0 ? [] : undefined),
    );
    expect((await shared("list")).stdout).toMatch(/NAME +EDITS +DIGEST\nplan +3 +[0-9a-f]/);
  });

  it("says what is wrong with an edit, or that there is no such document", async () => {
    const shared = await startShared();
    for (const wrong of [[], ["--set", "title"], ["--count", "votes=x"], ["--count", "votes=0"], ["--clear", "a//b"]]) {
      expect(await shared("edit", "plan", ...wrong)).toMatchObject({ status: 2, stdout: "" });
    }
    expect(await shared("edit", "Plan", "--set", "a=b")).toMatchObject({
      status: expect.any(Number),
      stderr: expect.stringContaining("name"),
    });
    expect(await shared("show", "nothing")).toMatchObject({ status: 1, stderr: expect.stringContaining("no shared document nothing") });
    expect((await shared("list")).stdout).toBe("no shared documents\n");
  });
});
