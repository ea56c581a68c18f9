/** Nodes that are not on loopback take writes from those who have their token. */
import { mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { problem, run, useWorkplace } from "./harness.ts";
import type { Ran, RunOptions } from "./harness.ts";

const token = "the-token-of-that-node-1";

const { at, startNode } = useWorkplace();
let node: string;
/** what each exchange brought */
let brought: (string | undefined)[];
beforeEach(async () => {
  mkdirSync(at("home"));
  brought = [];
  node = await startNode({
    "POST /v1/shared/plan": (_body, { headers }) => {
      brought.push(headers.authorization);
      if (headers.authorization !== `Bearer ${token}`) return problem(401, "unauthorized", { hint: "Authorization: Bearer TOKEN" });
      return { json: { name: "plan", operation: "ab".repeat(32), sequence: 1, digest: "cd".repeat(32) } };
    },
  });
});

const edit = (url: string, more: readonly string[] = [], options?: RunOptions): Promise<Ran> =>
  run(["shared", "edit", "plan", "--set", "a=b", "--api", url, "--home", at("home"), ...more], options);

describe("the token", () => {
  it("of the home is given to a node of this machine", async () => {
    writeFileSync(at("home", "api.token"), `${token}\n`);
    expect((await edit(node)).status).toBe(0);
  });

  it("of the home is nobody else's business", async () => {
    writeFileSync(at("home", "api.token"), `${token}\n`);
    // one of several is not of this machine: none is told
    const { status } = await edit(`${node},http://node.example.invalid:1`);
    expect({ status, brought }).toEqual({ status: 1, brought: [undefined] });
  });

  it("of another node is in the file that is named", async () => {
    const file = at("token");
    writeFileSync(file, token);
    expect((await edit(node, ["--token-file", file])).status).toBe(0);
    expect((await edit(node, [], { environment: { BYZ_TOKEN_FILE: file } })).status).toBe(0);
  });

  it("is asked for where it is missing, and a file that holds none is named", async () => {
    const { status, stderr } = await edit(node);
    expect(status).toBe(1);
    expect(stderr).toMatch(/; give the file api\.token of that node's home with --token-file\n$/);
    const none = at("none");
    writeFileSync(none, "two words\n");
    expect(await edit(node, ["--token-file", none])).toMatchObject({ status: 3, stderr: expect.stringContaining(none) as unknown });
    expect(brought).toEqual([undefined]);
  });
});
