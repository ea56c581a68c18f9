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
    init: async () => (await import("./init.ts")).initCommand,
    keys: async () => (await import("./keys.ts")).keysCommand,
    genesis: async () => (await import("./genesis.ts")).genesisCommand,
    config: async () => (await import("./config.ts")).configCommand,
    completion: async () => (await import("./completion.ts")).completionCommand,
    start: async () => (await import("./start.ts")).startCommand,
    join: async () => (await import("./join.ts")).joinCommand,
  }),
  ...grouped("The ledger:", {
    put: async () => (await import("./put.ts")).putCommand,
    get: async () => (await import("./get.ts")).getCommand,
    del: async () => (await import("./del.ts")).delCommand,
    list: async () => (await import("./list.ts")).listCommand,
    txn: async () => (await import("./txn.ts")).txnCommand,
    watch: async () => (await import("./watch.ts")).watchCommand,
    prove: async () => (await import("./prove.ts")).proveCommand,
    blocks: async () => (await import("./blocks.ts")).blocksCommand,
  }),
  ...grouped("Documents writable on both sides of a partition:", {
    shared: async () => (await import("./shared.ts")).sharedCommand,
  }),
  ...grouped("What a node knows:", {
    status: async () => (await import("./status.ts")).statusCommand,
    explain: async () => (await import("./explain.ts")).explainCommand,
    validators: async () => (await import("./validators.ts")).validatorsCommand,
    peers: async () => (await import("./peers.ts")).peersCommand,
    partitions: async () => (await import("./partitions.ts")).partitionsCommand,
    evidence: async () => (await import("./evidence.ts")).evidenceCommand,
  }),
  ...grouped("Data:", {
    backup: async () => (await import("./backup.ts")).backupCommand,
    restore: async () => (await import("./backup.ts")).restoreCommand,
    verify: async () => (await import("./backup.ts")).verifyCommand,
  }),
  ...grouped("Trouble:", {
    doctor: async () => (await import("./doctor.ts")).doctorCommand,
    debug: async () => (await import("./debug.ts")).debugCommand,
  }),
  ...grouped("Try:", {
    testnet: async () => (await import("./testnet.ts")).testnetCommand,
    bench: async () => (await import("./bench.ts")).benchCommand,
    simulate: async () => (await import("./simulate.ts")).simulateCommand,
    validate: async () => (await import("./validate.ts")).validateCommand,
  }),
];

/** global options that a value follows */
const valued: readonly string[] = ["--home", "--api", "--passphrase-file"];

/** The command that a line names, past global options; undefined when there is none of that name, or help with the whole program is asked for. */
const namedIn = (args: readonly string[]): Entry | undefined => {
  const at = args.findIndex((arg, index) => !arg.startsWith("-") && !valued.includes(args[index - 1] ?? ""));
  const before = args.slice(0, at);
  return before.includes("--help") || before.includes("-h") ? undefined : entries.find(({ name }) => name === args[at]);
};

/** The commands that this line can speak of: the one that it names, or all of them. `completion` speaks of all. */
export const commandsFor = async (args: readonly string[], host: Host): Promise<Command[]> => {
  const named = namedIn(args);
  const wanted = named === undefined || named.name === "completion" ? entries : [named];
  return Promise.all(wanted.map(async ({ heading, load }) => (await load())(host).helpGroup(heading)));
};
