/** `byz doctor`: what can be wrong on this machine, looked at one by one. */
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createHttpClient } from "../../client/http-client.ts";
import { ClientError } from "../../client/errors.ts";
import type { StatusAnswer } from "../../client/answers.ts";
import { loadConfig, type Config } from "../../node/home/config.ts";
import { loadGenesis, type Genesis } from "../../node/home/genesis.ts";
import { machineMemory } from "../../node/memory/process-memory.ts";
import { peerIdOf } from "../../node/home/home.ts";
import { publicKeyOf } from "../../node/home/home-keys.ts";
import { type Home, homeAt, keyPath } from "../../node/home/layout.ts";
import { type KeyFacts, inspectKeyFile } from "../../signing/key-file.ts";
import type { KeyUse } from "../../signing/key-format.ts";
import { defineCommand } from "../command.ts";
import { type Finding, finding, judgeDisk } from "./doctor-disk.ts";
import { judgeMemory } from "./doctor-memory.ts";
import { complaintOf, exitCodes } from "../errors.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";

/** What `look` says, or the complaint it throws. */
const attempt = <T>(check: string, look: () => T, say: (value: T) => string): { readonly value?: T; readonly found: Finding } => {
  try {
    const value = look();
    return { value, found: finding(check, "ok", say(value)) };
  } catch (error) {
    const { message, hint } = complaintOf(error);
    return { found: finding(check, "failed", message, hint) };
  }
};

const lowestNode = [22, 12] as const;
const askMs = 3_000;
/** validators refuse batches that are further off than 30 s; half of that is too much already */
const mostClockDriftMs = 15_000;

const nodeVersion = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const fits = major > lowestNode[0] || (major === lowestNode[0] && minor >= lowestNode[1]);
  return finding("Node.js", fits ? "ok" : "failed", process.versions.node, fits ? undefined : "install Node.js 22.12 or newer");
};

/** Is it there, can it be used, and would a thief of the file have the key? */
const keyFinding = (home: Home, use: KeyUse, absent: string | undefined, say: (key: KeyFacts) => string): Finding => {
  const check = `${use}.key`;
  if (absent !== undefined && !existsSync(keyPath(home, use))) return finding(check, "ok", absent);
  return attempt(
    check,
    () => inspectKeyFile(keyPath(home, use), use),
    (key) => `${say(key)} (${key.encrypted ? "encrypted" : "plain"})`,
  ).found;
};

const keys = (home: Home): Finding[] => [
  keyFinding(home, "node", undefined, peerIdOf),
  keyFinding(home, "validator", "none: this node observes", ({ publicKey }) => publicKey),
  keyFinding(home, "client", "none: it is made on the first use", ({ publicKey }) => publicKey),
];

const membership = (home: Home, genesis: Genesis): Finding => {
  const { found } = attempt(
    "membership",
    () => {
      const key = publicKeyOf(home, "validator");
      const nodeKey = publicKeyOf(home, "node");
      const own = genesis.validators.find(({ validatorKey }) => validatorKey === key);
      if (own !== undefined && (nodeKey === undefined || own.peerId !== peerIdOf({ publicKey: nodeKey })))
        throw new Error(`the genesis binds this validator key to ${own.peerId}`);
      return own;
    },
    (own) => (own === undefined ? "not in the genesis: this node observes" : `validator ${own.moniker}`),
  );
  return found;
};

/** Bytes of the files in a folder that has no folders worth counting. */
const sizeOf = (path: string): number =>
  existsSync(path)
    ? readdirSync(path).reduce((sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0), 0)
    : 0;

const disk = (home: Home): Finding => {
  const folder = existsSync(home.data) ? home.data : home.path;
  const { value, found } = attempt(
    "disk",
    () => {
      accessSync(folder, constants.W_OK);
      return statfsSync(folder);
    },
    () => "",
  );
  return value === undefined
    ? found
    : judgeDisk({
        freeBytes: value.bavail * value.bsize,
        freeFiles: value.ffree,
        files: value.files,
        dataBytes: sizeOf(join(home.data, "store")),
      });
};

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** `127.0.0.1:27657` and `/ip4/0.0.0.0/tcp/27656` */
const placesOf = ({ api, network }: Config): { readonly name: string; readonly host: string; readonly port: number }[] => {
  const at = api.listen.lastIndexOf(":");
  const listens = network.listen.map((address) => {
    const [, , host = "", , port = "0"] = address.split("/");
    return { name: address, host, port: Number(port) };
  });
  return [{ name: api.listen, host: api.listen.slice(0, at).replaceAll(/[[\]]/g, ""), port: Number(api.listen.slice(at + 1)) }, ...listens];
};

const ports = async (config: Config, running: boolean): Promise<Finding[]> =>
  Promise.all(
    placesOf(config).map(async ({ name, host, port }) => {
      const check = `port ${port}`;
      if (port === 0) return finding(check, "ok", `${name}: the system chooses`);
      const free = await isFree(host, port);
      if (free)
        return finding(
          check,
          running ? "warning" : "ok",
          `${name} is free`,
          running ? "the node that answers listens elsewhere" : undefined,
        );
      if (running) return finding(check, "ok", `${name} is in use, as it should be while the node runs`);
      return finding(
        check,
        "failed",
        `${name} is in use by another program, or not this machine's`,
        "stop that, or choose another port in config.toml",
      );
    }),
  );

/** How far this machine's clock is from that of the node asked. */
const clock = async (url: string): Promise<Finding> => {
  const began = Date.now();
  const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(askMs) });
  await response.arrayBuffer();
  const said = Date.parse(response.headers.get("date") ?? "");
  // the header has whole seconds
  const drift = Number.isNaN(said) ? 0 : Math.max(0, Math.abs((began + Date.now()) / 2 - said) - 1_000);
  const text = `within ${Math.ceil(drift / 1_000)} s of the node's`;
  return drift <= mostClockDriftMs ? finding("clock", "ok", text) : finding("clock", "failed", text, "set the clocks: use NTP");
};

const running = async (
  session: Session,
  genesis: Genesis | undefined,
): Promise<{ readonly found: Finding[]; readonly status?: StatusAnswer }> => {
  const url = session.apiUrls[0] ?? "";
  try {
    const client = createHttpClient({ urls: session.apiUrls, timeoutMs: askMs, signal: session.io.signal });
    const status = await client.status();
    const [{ ready, checks }, peers] = await Promise.all([client.ready(), client.peers()]);
    const failing = checks.filter(({ ok }) => !ok).map(({ name, reason }) => (reason === undefined ? name : `${name}: ${reason}`));
    const network =
      genesis !== undefined && genesis.hash !== status.genesisHash
        ? [
            finding(
              "network",
              "failed",
              `the node belongs to ${status.chainId}, another network than this home`,
              "choose another --home or --api",
            ),
          ]
        : [];
    return {
      status,
      found: [
        finding("API", "ok", `${status.moniker} ${status.peerId} answers`),
        ...network,
        ready
          ? finding("ready", "ok", "in sync and able to commit")
          : finding("ready", "failed", failing.join("; "), "`byz explain` says more"),
        peers.length > 0 || status.quorum.n === 1
          ? finding("peers", "ok", `${peers.length} connected, ${status.quorum.reachable} of ${status.quorum.n} validators reached`)
          : finding("peers", "failed", "none", "check --bootstrap, and that port 27656 is open on both sides"),
        await clock(url.includes(",") ? url : url.replace(/\/+$/, "")),
      ],
    };
  } catch (error) {
    if (error instanceof ClientError && error.code === "aborted") throw error;
    return { found: [finding("API", "warning", complaintOf(error).message, "start the node with `byz start`, or name it with --api")] };
  }
};

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** Everything that is looked at, in order; never throws for what it finds. */
export const diagnose = async (session: Session): Promise<Finding[]> => {
  const home = homeAt(session.home);
  if (!existsSync(home.path)) return [nodeVersion(), finding("home", "failed", `${home.path} does not exist`, "make one with `byz init`")];
  const config = attempt(
    "config",
    () => loadConfig({ file: home.config, environment: session.io.environment }).config,
    () => (existsSync(home.config) ? home.config : `there is no ${home.config}: every setting is the default`),
  );
  const genesis = existsSync(home.genesis)
    ? attempt(
        "genesis",
        () => loadGenesis(home.genesis),
        ({ chainId, hash }) => `${chainId} ${hash}`,
      )
    : { found: finding("genesis", "failed", `${home.genesis} is missing`, "get it from the network's founders"), value: undefined };
  const { found, status } = await running(session, genesis.value);
  return [
    nodeVersion(),
    finding("home", "ok", `${home.path} (mode ${mode(home.path)})`),
    ...keys(home),
    config.found,
    genesis.found,
    ...(genesis.value === undefined ? [] : [membership(home, genesis.value)]),
    disk(home),
    judgeMemory(status?.memory, config.value?.node.memoryLimitMib ?? 0, machineMemory()),
    ...(config.value === undefined ? [] : await ports(config.value, status !== undefined)),
    ...found,
  ];
};

export const doctorCommand = defineCommand({
  usage: "doctor",
  summary: "Looks for what is wrong here: Node.js, home, keys, configuration, genesis, disk, memory, ports, clock, and the node if it runs",
  examples: ["byz doctor", "byz doctor --home /srv/byz --json"],
  async run(session) {
    const findings = await diagnose(session);
    const failed = findings.some(({ result }) => result === "failed");
    const rows = findings.map(({ check, result, detail, hint }) => [check, result, hint === undefined ? detail : `${detail}; ${hint}`]);
    session.answer(() => table(session, ["CHECK", "RESULT", "FOUND"], rows), { ok: !failed, findings });
    return failed ? exitCodes.failed : exitCodes.done;
  },
});
