/** `byz genesis` */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Option } from "commander";
import { GenesisError, loadGenesis, loadRecord, parameterRanges, parseGenesis, renderGenesis } from "../../node/home/genesis.ts";
import { homeAt, makeFolder, writeFileDurably } from "../../node/home/layout.ts";
import type { Parameters } from "../../protocol/limits.ts";
import { defineCommand, defineGroup, several } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { pairs, table } from "../table.ts";

interface CreateOptions {
  readonly chainId: string;
  readonly validator: readonly string[];
  readonly parameter?: readonly string[];
  readonly application?: string;
  readonly testnet?: boolean;
  readonly output?: string;
  readonly force?: boolean;
}

const parametersOf = (words: readonly string[] = []): Partial<Parameters> => {
  const chosen: Record<string, number> = {};
  for (const word of words) {
    const [name = "", value = ""] = word.split("=");
    if (!Object.hasOwn(parameterRanges, name)) {
      throw usageError(`${name} is not a parameter`, `parameters are ${Object.keys(parameterRanges).join(", ")}`);
    }
    if (!/^\d{1,15}$/.test(value)) throw usageError(`--parameter ${word} has no whole number`, `as --parameter ${name}=100`);
    chosen[name] = Number(value);
  }
  return chosen;
};

/** A founder is told what to do, not to ask the founders. @throws CliError */
const founding = <T>(code: string, hint: string, make: () => T): T => {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof GenesisError)) throw error;
    throw new CliError({ code, message: error.message, hint, exitCode: exitCodes.invalid, cause: error });
  }
};

/** The founder has it from a validator: what is wrong with it is not the genesis. */
const recordIn = (file: string): ReturnType<typeof loadRecord> =>
  founding("invalid_record", "a validator's record is what `byz keys export` gives", () => loadRecord(file));

const createCommand = defineCommand<CreateOptions>({
  usage: "create",
  summary: "Founds a network out of its validators' public records; their order is that of the primaries",
  options: [
    new Option("--chain-id <id>", "the network's name").makeOptionMandatory(),
    new Option("--validator <file>", "a validator's public record (`byz keys export`); once for each")
      .argParser(several)
      .makeOptionMandatory(),
    new Option("--parameter <name=n>", `set one of ${Object.keys(parameterRanges).join(", ")}`).argParser(several),
    new Option("--application <name>", "what the network replicates (default: the key-value store)"),
    new Option("--testnet", "allow nodes to be told to misbehave: never in a network that matters"),
    new Option("-o, --output <file>", "where to (default: genesis.json in the home)"),
    new Option("--force", "replace a file that is there"),
  ],
  examples: [
    "byz genesis create --chain-id acme --validator a.json --validator b.json --validator c.json --validator d.json",
    "byz genesis create --chain-id acme --validator a.json --parameter checkpointInterval=64 -o genesis.json",
  ],
  exits: [3],
  run(session, _args, options) {
    const validators = options.validator.map(recordIn);
    const parameters = parametersOf(options.parameter);
    const text = founding("invalid_genesis", "correct what it is made of; nothing was written", () =>
      renderGenesis({
        chainId: options.chainId,
        createdAt: Date.now(),
        validators,
        parameters,
        ...(options.testnet === true ? { testnet: true } : {}),
        ...(options.application === undefined ? {} : { application: options.application }),
      }),
    );
    const file = options.output ?? homeAt(session.home).genesis;
    if (existsSync(file) && options.force !== true) {
      throw new CliError({
        code: "exists",
        message: `${file} is there already`,
        hint: "give another with -o, or --force",
        exitCode: exitCodes.failed,
      });
    }
    makeFolder(dirname(resolve(file)));
    writeFileDurably(file, text);
    const { hash, chainId } = parseGenesis(text, file);
    session.answer(`${chainId} is founded by ${validators.length} validators\n${file}\n${hash}`, {
      file,
      chainId,
      hash,
      validators: validators.length,
    });
    session.note("next: give this file, unchanged, to every node, as genesis.json in its home");
  },
});

/** of the home, or the one given */
const genesisOption = (): Option => new Option("--genesis <file>", "another than the home's");

const showCommand = defineCommand<{ genesis?: string }>({
  usage: "show",
  summary: "A genesis, checked",
  options: [genesisOption()],
  examples: ["byz genesis show", "byz genesis show --genesis genesis.json --json"],
  exits: [3],
  run(session, _args, options) {
    const genesis = loadGenesis(options.genesis ?? homeAt(session.home).genesis);
    const head = pairs([
      ["chain", genesis.chainId],
      ["hash", genesis.hash],
      ["created", new Date(genesis.createdAt).toISOString()],
      ["application", genesis.application],
      ["testnet", genesis.testnet ? "yes" : "no"],
      ...Object.entries(genesis.parameters).map(([name, value]) => [name, String(value)] as const),
    ]);
    const rows = genesis.validators.map((record, index) => [String(index), record.moniker, record.peerId, record.validatorKey]);
    const createdAt = new Date(genesis.createdAt).toISOString();
    session.answer(`${head}\n\n${table(session, ["INDEX", "MONIKER", "PEER ID", "VALIDATOR KEY"], rows)}`, { ...genesis, createdAt });
  },
});

const hashCommand = defineCommand<{ genesis?: string }>({
  usage: "hash",
  summary: "The genesis hash: the network's identity, to be compared over another channel",
  options: [genesisOption()],
  examples: ["byz genesis hash", "byz genesis hash --genesis genesis.json"],
  exits: [3],
  run(session, _args, options) {
    const { hash, chainId } = loadGenesis(options.genesis ?? homeAt(session.home).genesis);
    session.answer(hash, { chainId, hash });
  },
});

export const genesisCommand = defineGroup(
  {
    name: "genesis",
    summary: "Founds a network, shows its genesis and its hash",
    examples: ["byz genesis create --chain-id acme --validator a.json", "byz genesis hash"],
  },
  [createCommand, showCommand, hashCommand],
);
