/** `byz testnet demo`, which `npm start` runs: a network to look at, gone without a trace after Ctrl-C. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testnet } from "../../testnet/testnet.ts";
import { defineCommand } from "../command.ts";
import { CliError, exitCodes } from "../errors.ts";
import { preferredBasePort } from "../ports.ts";
import type { Session } from "../session.ts";
import { awaitAcquainted, describeTestnet, superviseTestnet } from "./testnet-view.ts";

const key = "greeting";
const value = "hello from node 0";

/** Writes through one node, reads through another what everybody agreed on. */
const exchange = async (testnet: Testnet): Promise<{ readonly sequence: number; readonly read: string }> => {
  const written = await testnet.client(0).put(key, value);
  const read = await testnet.client(3).get(key, { consistency: "linearizable" });
  if (read?.value !== value) {
    throw new CliError({
      code: "not_read",
      message: `node 3 read ${read?.value ?? "nothing"} instead of what node 0 wrote`,
      exitCode: exitCodes.failed,
    });
  }
  return { sequence: written.sequence, read: read.value };
};

const nextSteps = (testnet: Testnet): string => {
  const [first, second] = [testnet.node(0), testnet.node(1)];
  const byz = "node bin/byz.js";
  return [
    "What to try next, in another terminal:",
    `  export BYZ_API=${first.api},${second.api} BYZ_HOME=${join(testnet.dir, "client")}`,
    `  ${byz} put colour blue`,
    `  ${byz} get colour --api ${testnet.node(3).api}`,
    `  ${byz} status`,
    `  ${byz} blocks`,
    `  ${byz} testnet kill 0 --dir ${testnet.dir}`,
    `  ${byz} testnet restart 0 --dir ${testnet.dir}`,
    `  curl ${first.api}/v1/kv/${key}`,
  ].join("\n");
};

const show = async (session: Session, dir: string): Promise<Testnet> => {
  const testnet = await Testnet.up({
    dir,
    nodes: 4,
    chainId: "demo",
    preferredBasePort,
    progress: session.note,
    signal: session.io.signal,
  });
  const { sequence, read } = await exchange(testnet);
  await awaitAcquainted(testnet);
  const story = `${key} = "${value}" was put through node 0, agreed on in block ${sequence}, and read linearizably through node 3: "${read}"`;
  session.answer(`${await describeTestnet(session, testnet)}\n\n${story}\n\n${nextSteps(testnet)}`, {
    ...testnet.state(),
    dir,
    key,
    value: read,
    sequence,
  });
  return testnet;
};

export const testnetDemoCommand = defineCommand({
  usage: "demo",
  summary: "Four nodes in a temporary folder, a value through one and back through another; Ctrl-C stops and removes all",
  examples: ["byz testnet demo", "byz testnet demo --json"],
  async run(session) {
    const dir = mkdtempSync(join(tmpdir(), "byz-demo-"));
    try {
      const testnet = await show(session, dir);
      session.note("Ctrl-C stops it");
      await superviseTestnet(session, testnet, { purge: true });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
});
