/** Every command, in the order and groups of `byz --help`. Each is loaded only when it is needed: most of a short command's time is loading. */
import type { Command } from "commander";
import type { CommandFactory, Host } from "./command.ts";

interface Entry {
  readonly name: string;
  readonly heading: string;
  readonly load: () => Promise<CommandFactory>;
}

const grouped = (heading: string, members: Readonly<Record<string, Entry["load"]>>): Entry[] =>
  Object.entries(members).map(([name, load]) => ({ name, heading, load }));

const entries: readonly Entry[] = [
  ...grouped("Set up and run:", {
    init: async () => (await import("./commands/init.ts")).initCommand,
    keys: async () => (await import("./commands/keys.ts")).keysCommand,
    genesis: async () => (await import("./commands/genesis.ts")).genesisCommand,
    config: async () => (await import("./commands/config.ts")).configCommand,
    completion: async () => (await import("./commands/completion.ts")).completionCommand,
    start: async () => (await import("./commands/start.ts")).startCommand,
    join: async () => (await import("./commands/join.ts")).joinCommand,
  }),
  ...grouped("The ledger:", {
    put: async () => (await import("./commands/put.ts")).putCommand,
    get: async () => (await import("./commands/get.ts")).getCommand,
    del: async () => (await import("./commands/del.ts")).delCommand,
    list: async () => (await import("./commands/list.ts")).listCommand,
    txn: async () => (await import("./commands/txn.ts")).txnCommand,
    watch: async () => (await import("./commands/watch.ts")).watchCommand,
    prove: async () => (await import("./commands/prove.ts")).proveCommand,
    blocks: async () => (await import("./commands/blocks.ts")).blocksCommand,
  }),
  ...grouped("Documents writable on both sides of a partition:", {
    shared: async () => (await import("./commands/shared.ts")).sharedCommand,
  }),
  ...grouped("What a node knows:", {
    status: async () => (await import("./commands/status.ts")).statusCommand,
    explain: async () => (await import("./commands/explain.ts")).explainCommand,
    validators: async () => (await import("./commands/validators.ts")).validatorsCommand,
    peers: async () => (await import("./commands/peers.ts")).peersCommand,
    partitions: async () => (await import("./commands/partitions.ts")).partitionsCommand,
    evidence: async () => (await import("./commands/evidence.ts")).evidenceCommand,
  }),
  ...grouped("Data:", {
    backup: async () => (await import("./commands/backup.ts")).backupCommand,
    restore: async () => (await import("./commands/backup.ts")).restoreCommand,
    verify: async () => (await import("./commands/backup.ts")).verifyCommand,
  }),
  ...grouped("Trouble:", {
    doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
    debug: async () => (await import("./commands/debug.ts")).debugCommand,
  }),
  ...grouped("Try:", {
    testnet: async () => (await import("./commands/testnet.ts")).testnetCommand,
    bench: async () => (await import("./commands/bench.ts")).benchCommand,
    simulate: async () => (await import("./commands/simulate.ts")).simulateCommand,
    validate: async () => (await import("./commands/validate.ts")).validateCommand,
  }),
];

/** global options that a value follows */
const valued: readonly string[] = ["--home", "--api", "--passphrase-file", "--token-file"];

/** The command that a line names, past global options; undefined when there is none of that name, or help with the whole program is asked for. */
const namedIn = (args: readonly string[]): Entry | undefined => {
  const at = args.findIndex((arg, index) => !arg.startsWith("-") && !valued.includes(args[index - 1] ?? ""));
  const before = args.slice(0, at);
  return before.includes("--help") || before.includes("-h") ? undefined : entries.find(({ name }) => name === args[at]);
};

/** The commands that this line can speak of: the one that it names, or all of them. `completion` speaks of all, `--version` of none. */
export const commandsFor = async (args: readonly string[], host: Host): Promise<Command[]> => {
  if (args.length === 1 && args[0] === "--version") return [];
  const named = namedIn(args);
  const wanted = named === undefined || named.name === "completion" ? entries : [named];
  return Promise.all(wanted.map(async ({ heading, load }) => (await load())(host).helpGroup(heading)));
};
