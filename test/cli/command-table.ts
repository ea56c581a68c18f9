/** Every command of `byz`: a right use, a wrong one, and the exit status that it promises without a node and without a quorum. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initHome } from "../../src/node/home/home.ts";

/** What a row's right use may speak of. */
export interface World {
  /** for files */
  readonly folder: string;
  /** a home with keys, a configuration and the network's genesis */
  readonly home: string;
  /** of the testnet */
  readonly testnet: string;
  /** the nodes to ask */
  readonly apis: readonly string[];
}

export interface Row {
  readonly command: string;
  /** what follows the command when it is used rightly; each use may write */
  use(world: World): readonly string[];
  /** what follows it when it is used wrongly */
  readonly wrong: string;
  /** exit status where nothing answers at --api, and there is no testnet; absent for what starts nodes of its own */
  readonly withoutNode?: number;
  /** exit status with 2 of 4 validators gone; absent for what was tried on the way there */
  readonly withoutQuorum?: number;
  /** with --json, one document a line: they follow what happens */
  readonly follows?: true;
}

const nothing = (): readonly string[] => [];
let files = 0;
/** A path that nothing has yet. */
const fresh = ({ folder }: World, name: string): string => join(folder, `${(files += 1)}-${name}`);

const transaction = (world: World): readonly string[] => {
  const file = fresh(world, "txn.json");
  writeFileSync(file, JSON.stringify({ compare: [], success: [{ type: "put", key: "table/txn", value: "1" }], failure: [] }));
  return [file];
};

const newHome = (world: World): readonly string[] => {
  const home = fresh(world, "home");
  mkdirSync(home);
  return ["--home", home];
};

/** A home of its own with keys: what is done to them is nobody else's. */
const ownKeys = (world: World, ...words: readonly string[]): readonly string[] => {
  const [, home = ""] = newHome(world);
  initHome(home);
  return [...words, "--home", home];
};

const passphrase = (world: World): readonly string[] => {
  const file = fresh(world, "passphrase");
  writeFileSync(file, "correct horse battery staple\n", { mode: 0o600 });
  return ["--passphrase-file", file];
};

/** Nothing of the network is asked. */
const alone: readonly Row[] = [
  { command: "init", use: newHome, wrong: "--moniker", withoutNode: 0 },
  { command: "keys show", use: nothing, wrong: "extra", withoutNode: 0 },
  { command: "keys export", use: (world) => ["-o", fresh(world, "record.json")], wrong: "-o", withoutNode: 0 },
  { command: "keys encrypt", use: (world) => ownKeys(world, "client", ...passphrase(world)), wrong: "passphrase", withoutNode: 0 },
  { command: "keys decrypt", use: (world) => ownKeys(world), wrong: "passphrase", withoutNode: 0 },
  { command: "keys rotate", use: (world) => ownKeys(world, "client"), wrong: "validator", withoutNode: 0 },
  {
    command: "genesis create",
    use: (world) => ["--chain-id", "table", "--validator", join(world.folder, "record.json"), "-o", fresh(world, "genesis.json")],
    wrong: "--chain-id table",
    withoutNode: 0,
  },
  { command: "genesis show", use: nothing, wrong: "--frobnicate", withoutNode: 0 },
  { command: "genesis hash", use: nothing, wrong: "extra", withoutNode: 0 },
  { command: "config show", use: () => ["--origin"], wrong: "--from", withoutNode: 0 },
  { command: "config validate", use: nothing, wrong: "extra", withoutNode: 0 },
  { command: "completion", use: () => ["bash"], wrong: "tcsh", withoutNode: 0 },
  { command: "prove verify", use: ({ folder }) => [join(folder, "proof.json")], wrong: "", withoutNode: 0 },
  { command: "backup", use: (world) => [fresh(world, "backup")], wrong: "", withoutNode: 4, withoutQuorum: 0 },
  { command: "restore", use: ({ folder }) => [join(folder, "backup")], wrong: "" },
  { command: "verify", use: nothing, wrong: "extra" },
  { command: "evidence verify", use: ({ folder }) => [join(folder, "evidence.json")], wrong: "" },
  { command: "simulate", use: () => ["--runs", "1", "--steps", "200"], wrong: "--runs none", withoutNode: 0 },
  { command: "validate", use: () => ["--nodes", "4"], wrong: "--nodes 3" },
  { command: "start", use: nothing, wrong: "--listen" },
  { command: "join", use: nothing, wrong: "--bootstrap" },
];

/** An ordered write, or a linearizable read. */
const ordered: readonly Row[] = [
  { command: "put", use: () => ["table/key", "value"], wrong: "", withoutNode: 4, withoutQuorum: 5 },
  { command: "get", use: () => ["table/key"], wrong: "key --consistency eventual", withoutNode: 4, withoutQuorum: 5 },
  { command: "del", use: () => ["table/none"], wrong: "key --if-version 0", withoutNode: 4, withoutQuorum: 5 },
  { command: "list", use: () => ["table/"], wrong: "--limit 0", withoutNode: 4, withoutQuorum: 5 },
  { command: "txn", use: transaction, wrong: "", withoutNode: 4, withoutQuorum: 5 },
  {
    command: "bench",
    use: ({ apis }) => ["--api", apis.slice(0, 2).join(","), "--seconds", "1", "--clients", "2"],
    wrong: "--clients 0",
    withoutNode: 4,
    withoutQuorum: 5,
  },
];

/** One node answers for itself. */
const asked: readonly Row[] = [
  { command: "watch", use: () => ["table/", "--from", "1", "--count", "1"], wrong: "a b", withoutNode: 4, withoutQuorum: 0, follows: true },
  { command: "blocks", use: nothing, wrong: "one", withoutNode: 4, withoutQuorum: 0 },
  { command: "shared list", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  {
    command: "shared edit",
    use: () => ["table", "--set", "title=hello"],
    wrong: "table --count votes=many",
    withoutNode: 4,
    withoutQuorum: 0,
  },
  { command: "shared show", use: () => ["table"], wrong: "", withoutNode: 4, withoutQuorum: 0 },
  { command: "shared watch", use: () => ["table"], wrong: "", follows: true },
  { command: "status", use: nothing, wrong: "--frobnicate", withoutNode: 4, withoutQuorum: 0 },
  { command: "explain", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  { command: "validators", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  { command: "peers", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  { command: "partitions", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  { command: "evidence list", use: nothing, wrong: "extra", withoutNode: 4, withoutQuorum: 0 },
  { command: "evidence show", use: () => ["0000"], wrong: "none", withoutNode: 4 },
  { command: "doctor", use: nothing, wrong: "extra", withoutNode: 0, withoutQuorum: 1 },
  { command: "debug bundle", use: (world) => ["-o", fresh(world, "bundle.json")], wrong: "-o", withoutNode: 0, withoutQuorum: 0 },
];

const onTestnet =
  (...words: readonly string[]) =>
  ({ testnet }: World): readonly string[] => [...words, "--dir", testnet];

/** In the order in which they can be used on one network. */
const testnets: readonly Row[] = [
  { command: "testnet up", use: onTestnet("--detach"), wrong: "-n 0" },
  { command: "testnet demo", use: nothing, wrong: "extra" },
  { command: "testnet status", use: onTestnet(), wrong: "extra", withoutNode: 1, withoutQuorum: 0 },
  { command: "testnet logs", use: onTestnet("0"), wrong: "--lines none", withoutNode: 1, withoutQuorum: 0 },
  { command: "testnet partition", use: onTestnet("0,1,2", "3"), wrong: "", withoutNode: 1 },
  { command: "testnet heal", use: onTestnet(), wrong: "extra", withoutNode: 1 },
  { command: "testnet add", use: onTestnet(), wrong: "extra", withoutNode: 1 },
  { command: "testnet byzantine", use: onTestnet("3", "honest"), wrong: "one honest", withoutNode: 1, withoutQuorum: 0 },
  { command: "testnet kill", use: onTestnet("2"), wrong: "one", withoutNode: 1 },
  { command: "testnet pause", use: onTestnet("3"), wrong: "one", withoutNode: 1 },
  { command: "testnet resume", use: onTestnet("3"), wrong: "one", withoutNode: 1 },
  { command: "testnet restart", use: onTestnet("2"), wrong: "one", withoutNode: 1 },
  { command: "testnet down", use: onTestnet(), wrong: "extra", withoutNode: 1 },
];

export const rows: readonly Row[] = [...alone, ...ordered, ...asked, ...testnets];

/** @throws Error when the table has no such command */
export const rowOf = (command: string): Row => {
  const row = rows.find((each) => each.command === command);
  if (row === undefined) throw new Error(`the table has no "${command}"`);
  return row;
};

/** A command line's words. */
export const wordsOf = (row: Row, rest: readonly string[]): readonly string[] => [
  ...row.command.split(" "),
  ...rest.filter((word) => word !== ""),
];
