/** `byz backup`, `byz restore`, `byz verify` */
import type { Buffer } from "node:buffer";
import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { loadConfig } from "../../node/home/config.ts";
import { type Genesis, loadGenesis } from "../../node/home/genesis.ts";
import { publicKeyOf } from "../../node/home/home-keys.ts";
import { type Home, homeAt, HomeError } from "../../node/home/layout.ts";
import type { DataReport } from "../../node/data/verify-data.ts";
import { clientOf, tokenOf } from "../client.ts";
import { defineCommand } from "../command.ts";
import { CliError, exitCodes } from "../errors.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";

const missing = (home: Home): HomeError =>
  new HomeError("missing", `${home.path} is not a node's home`, "make one with `byz init`, or choose --home");

const openStore = async (session: Session, home: Home) => {
  const { config } = loadConfig({ file: home.config, environment: session.io.environment });
  const { openStoppedData } = await import("../../node/data/stopped-data.ts");
  return openStoppedData(home, config.storage.cacheBytes);
};

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/* ------------------------------------------------------------------ backup */

/** Into a file beside it first: under its name there is a whole backup or none. */
const writeWhole = async (file: string, parts: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> => {
  const temporary = `${file}.${process.pid}.tmp`;
  let bytes = 0;
  const count = new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      done(undefined, part);
    },
  });
  try {
    await pipeline(parts, count, createWriteStream(temporary, { flags: "wx", mode: 0o600 }), { signal });
    const written = await open(temporary, "r+");
    await written.sync();
    await written.close();
    await rename(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return bytes;
};

const refused = (
  message: string,
  { code = "refused", hint = "see the node's log" }: { readonly code?: string; readonly hint?: string },
): CliError => new CliError({ code, message, hint, exitCode: exitCodes.failed });

/** From the first node that answers. */
const askNode = async (session: Session): Promise<AsyncIterable<Uint8Array>> => {
  // who does not answer is told as everywhere
  await clientOf(session).status();
  const token = tokenOf(session);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url = `${(session.apiUrls[0] ?? "").replace(/\/+$/, "")}/v1/backup`;
  const response = await fetch(url, { method: "POST", headers, redirect: "error", signal: session.io.signal });
  if (response.ok && response.body !== null) return response.body as unknown as AsyncIterable<Uint8Array>;
  const problem = (await response.json().catch(() => ({}))) as { readonly code?: string; readonly detail?: string; readonly hint?: string };
  throw refused(problem.detail ?? `${url} answered ${response.status}`, problem);
};

const backUpHome = async (session: Session, file: string): Promise<number> => {
  const home = homeAt(session.home);
  if (!existsSync(home.config)) throw missing(home);
  const genesis = loadGenesis(home.genesis);
  const store = await openStore(session, home);
  try {
    const { backupOf } = await import("../../node/data/backup.ts");
    return await writeWhole(file, backupOf(store, genesis, Date.now()), session.io.signal);
  } finally {
    await store.close();
  }
};

export const backupCommand = defineCommand({
  usage: "backup <file>",
  summary: "Writes the node's data into one file: of this home, whose node is stopped, or with --api of a running node",
  arguments: { file: "the backup; it must not exist yet" },
  examples: ["byz backup node.byzbackup", "byz backup node.byzbackup --api http://127.0.0.1:27657"],
  exits: [3, 4],
  async run(session, [file = ""]) {
    if (existsSync(file)) {
      const message = `${file} exists already`;
      throw new CliError({ code: "exists", message, hint: "choose another name", exitCode: exitCodes.failed });
    }
    const { apiFrom, homeFrom, io } = session;
    // who says --home does not mean the node that the environment names
    const ofNode = apiFrom === "flag" || (apiFrom === "environment" && homeFrom !== "flag");
    const bytes = ofNode ? await writeWhole(file, await askNode(session), io.signal) : await backUpHome(session, file);
    session.answer(`the data is in ${file}, ${mebibytes(bytes)}; keys are not: keep them apart`, { file, bytes });
  },
});

/* ------------------------------------------------------------------ verify */

const describeChecks = (session: Session, { checks }: DataReport): string =>
  table(
    session,
    ["CHECK", "RESULT", "LOOKED AT", "FOUND"],
    checks.map(({ name, count, problems }) => [name, problems.length === 0 ? "ok" : "failed", String(count), problems.join("; ")]),
  );

const describePlace = ({ sequence, gaps, logHash }: DataReport): string => {
  const blocks = sequence.first === 0 ? "no blocks" : `blocks from ${sequence.first}`;
  const missingOnes = gaps.map(([from, to]) => `, without ${from} to ${to}`).join("");
  return `executed ${sequence.executed}, stable ${sequence.stable}, ${blocks}${missingOnes}, log hash ${logHash}`;
};

/** A file of the store that is damaged is what was looked for. @throws CliError, or the error itself */
const damaged = (error: Error & { readonly code?: string }): never => {
  if (error.name !== "StoreError" || error.code !== "corrupt") throw error;
  const { message } = error;
  const hint = "restore a backup, or move data/ away and let the node catch up";
  throw new CliError({ code: "verification_failed", message, hint, exitCode: exitCodes.unverified, cause: error });
};

export const verifyCommand = defineCommand({
  usage: "verify",
  summary:
    "Checks the data on disk, of a stopped node: every hash, signature and certificate against the genesis, the state against its root",
  examples: ["byz verify", "byz verify --home /srv/byz --json"],
  exits: [3, 6],
  async run(session) {
    const home = homeAt(session.home);
    if (!existsSync(home.config)) throw missing(home);
    const genesis = loadGenesis(home.genesis);
    const store = await openStore(session, home).catch(damaged);
    try {
      const { verifyData } = await import("../../node/data/verify-data.ts");
      const report = await verifyData({ store, genesis, note: session.note });
      session.answer(() => `${describeChecks(session, report)}\n${describePlace(report)}`, report);
      return report.ok ? exitCodes.done : exitCodes.unverified;
    } finally {
      await store.close();
    }
  },
});

/* ------------------------------------------------------------------ restore */

const isValidator = (home: Home, genesis: Genesis): boolean => {
  const key = publicKeyOf(home, "validator");
  return genesis.validators.some(({ validatorKey }) => validatorKey === key);
};

const passive =
  "this validator lost what it promised since: it follows, and votes again once a checkpoint has passed everything that it may have voted on";

export const restoreCommand = defineCommand({
  usage: "restore <file>",
  summary: "Makes this home's data out of a backup, verified to the last certificate; the home has keys, and no data yet",
  arguments: { file: "the backup" },
  examples: ["byz restore node.byzbackup", "byz restore node.byzbackup --home /srv/byz"],
  exits: [3, 6],
  async run(session, [file = ""]) {
    const home = homeAt(session.home);
    if (!existsSync(home.nodeKey)) throw missing(home);
    const own = existsSync(home.genesis) ? loadGenesis(home.genesis) : undefined;
    const { config } = loadConfig({ file: home.config, environment: session.io.environment });
    const bytes = statSync(file).size;
    const { restoreBackup } = await import("../../node/data/restore.ts");
    const parts = createReadStream(file, { signal: session.io.signal });
    const { genesis, header, report } = await restoreBackup(
      { home, parts, cacheBytes: config.storage.cacheBytes, note: session.note },
      own,
    );
    if (own === undefined) session.note(`the backup's genesis ${genesis.hash} is now this home's: check that it is your network's`);
    const votes = !isValidator(home, genesis);
    const made = new Date(header.createdAt).toISOString();
    const lines = [`restored ${genesis.chainId} as of ${made}, verified: ${describePlace(report)}`, ...(votes ? [] : [passive])];
    session.answer(lines.join("\n"), {
      file,
      bytes,
      chainId: genesis.chainId,
      genesisHash: genesis.hash,
      createdAt: header.createdAt,
      sequence: report.sequence,
      logHash: report.logHash,
      stateRoot: report.stateRoot,
      passive: !votes,
    });
  },
});
