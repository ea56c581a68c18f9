/** `byz debug` */
import { existsSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { Option } from "commander";
import { createHttpClient } from "../../client/http-client.ts";
import { ClientError } from "../../client/errors.ts";
import { loadConfig } from "../../node/home/config.ts";
import { loadGenesis } from "../../node/home/genesis.ts";
import { homeAt } from "../../node/home/layout.ts";
import { packageVersion } from "../../node/home/version.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { diagnose } from "./doctor.ts";
import { CliError, complaintOf, exitCodes } from "../errors.ts";
import type { Session } from "../session.ts";

const askMs = 5_000;
/** blocks whose heads are taken along */
const lastBlocks = 20;

/** What came of it, or the complaint: a part that is missing says why. */
const part = async (look: () => unknown): Promise<unknown> => {
  try {
    return (await look()) ?? null;
  } catch (error) {
    if (error instanceof ClientError && error.code === "aborted") throw error;
    return { error: complaintOf(error).message };
  }
};

/** Names of blocks and who signed them: no keys, no values, no clients. */
const blockHeads = async (session: Session): Promise<unknown> => {
  const client = createHttpClient({ urls: session.apiUrls, timeoutMs: askMs });
  const { sequence } = await client.status();
  const blocks = await client.blocks({ from: Math.max(1, sequence.executed - lastBlocks + 1), limit: lastBlocks });
  return blocks.map(({ sequence: at, view, epoch, digest, logHash, timestamp, requests, certificate }) => ({
    sequence: at,
    view,
    epoch,
    digest,
    logHash,
    timestamp,
    requests: requests.length,
    signers: certificate.signatures.map(({ replica }) => replica),
  }));
};

/** Everything that helps to understand a node, and nothing that must stay in the home. */
export const createBundle = async (session: Session): Promise<Record<string, unknown>> => {
  const home = homeAt(session.home);
  const client = createHttpClient({ urls: session.apiUrls, timeoutMs: askMs, signal: session.io.signal });
  const [cpu] = cpus();
  return {
    made: new Date().toISOString(),
    version: packageVersion(),
    node: process.versions.node,
    machine: { platform: platform(), release: release(), arch: arch(), cpus: cpus().length, cpu: cpu?.model ?? "", memory: totalmem() },
    doctor: await part(() => diagnose(session)),
    config: await part(() => loadConfig({ file: home.config, environment: session.io.environment }).entries),
    genesis: await part(() => {
      if (!existsSync(home.genesis)) return null;
      const { chainId, hash, validators, parameters } = loadGenesis(home.genesis);
      return {
        chainId,
        hash,
        parameters,
        validators: validators.map(({ moniker, peerId, validatorKey }) => ({ moniker, peerId, validatorKey })),
      };
    }),
    status: await part(() => client.status()),
    ready: await part(() => client.ready()),
    explain: await part(() => client.explain()),
    validators: await part(() => client.validators()),
    peers: await part(() => client.peers()),
    blocks: await part(() => blockHeads(session)),
    metrics: await part(() => client.metrics()),
  };
};

const bundleCommand = defineCommand<{ output?: string }>({
  usage: "bundle",
  summary: "Writes one file that tells others what they need to help: state, configuration, metrics; no keys, tokens or values",
  options: [new Option("-o, --output <file>", "where to (default: byz-debug-TIME.json)")],
  examples: ["byz debug bundle", "byz debug bundle -o node-3.json --home /srv/byz"],
  async run(session, _args, { output }) {
    const bundle = await createBundle(session);
    const file = output ?? `byz-debug-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.json`;
    const text = `${JSON.stringify(bundle, undefined, 2)}\n`;
    try {
      writeFileSync(file, text, { mode: 0o600, flag: "wx" });
    } catch (cause) {
      throw new CliError({
        code: "unwritable",
        message: `${file}: ${(cause as Error).message}`,
        hint: "choose another file with -o",
        exitCode: exitCodes.failed,
        cause,
      });
    }
    session.answer(`${file} has ${text.length} bytes; read it before you pass it on`, {
      file,
      bytes: text.length,
      parts: Object.keys(bundle),
    });
  },
});

export const debugCommand = defineGroup(
  {
    name: "debug",
    summary: "Collects what somebody else needs to help",
    examples: ["byz debug bundle", "byz debug bundle -o bundle.json"],
  },
  [bundleCommand],
);
