/** How a command is declared: one line, arguments, options, two examples, exit status; the global options come with it. */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { exitCodes } from "./errors.ts";
import type { Io } from "./io.ts";
import { createSession, defaultApi } from "./session.ts";
import type { GlobalFlags, Session } from "./session.ts";

export interface CommandSpec<Options extends object> {
  /** name and arguments, as `put <key> [value]` */
  readonly usage: string;
  readonly summary: string;
  /** what each argument means, by name */
  readonly arguments?: Readonly<Record<string, string>>;
  readonly options?: readonly Option[];
  readonly examples: readonly [string, string];
  /** exit status beside 0, 1 and 2 */
  readonly exits?: readonly (keyof typeof exitMeaning)[];
  /** `start` has an --api of its own */
  readonly ownApi?: boolean;
  /** resolves to the exit status; nothing means 0 */
  run(session: Session, args: readonly (string | undefined)[], options: Options): Promise<number | void> | number | void;
}

/** Declares a command once the streams are known. */
export interface CommandFactory {
  (host: Host): Command;
  /** exit status beside 0, 1 and 2 */
  readonly exits?: readonly (keyof typeof exitMeaning)[];
}

export interface Host {
  readonly io: Io;
  /** called once, with the exit status of the command that ran */
  exit(code: number): void;
}

const exitMeaning = {
  3: "configuration, genesis, key or data is not valid",
  4: "no node answered",
  5: "no quorum, or the outcome is not known in time",
  6: "a verification failed",
} as const;

const globalOptions = (ownApi: boolean): Option[] => [
  new Option("--home <dir>", "home directory (default: ~/.byz, env: BYZ_HOME)"),
  ...(ownApi ? [] : [new Option("--api <url>", `nodes to ask, comma-separated, tried in order (default: ${defaultApi}, env: BYZ_API)`)]),
  new Option("--passphrase-file <file>", "opens encrypted keys (env: BYZ_PASSPHRASE_FILE, BYZ_PASSPHRASE; default: asks on a terminal)"),
  ...(ownApi
    ? []
    : [
        new Option(
          "--token-file <file>",
          "what lets write through a node that is not on loopback (default: the home's api.token, for nodes of this machine; env: BYZ_TOKEN_FILE)",
        ),
      ]),
  new Option("--json", "one JSON document on stdout, nothing else there"),
  new Option("--quiet", "no progress on stderr"),
  new Option("--no-color", "no colours (env: NO_COLOR)"),
  new Option("--trace", "show where an error comes from"),
];

const globalGroup = "Global options:";

/** Adds the global options under a heading of their own. */
export const addGlobals = (command: Command, ownApi = false): Command => {
  for (const option of globalOptions(ownApi)) command.addOption(option.helpGroup(globalGroup));
  // beside the others, or commands without options of their own would name theirs last
  return command.addHelpOption(new Option("-h, --help", "show this").helpGroup(globalGroup));
};

/** Options given to the command itself win over the same given before its name. */
const globalsOf = (command: Command): GlobalFlags => {
  const chain: Command[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) chain.unshift(at);
  const settled: Record<string, unknown> = {};
  for (const level of chain) {
    const values: Record<string, unknown> = level.opts();
    for (const name of ["home", "api", "passphraseFile", "tokenFile", "json", "quiet", "color", "trace"]) {
      if (level.getOptionValueSource(name) === "cli") settled[name] = values[name];
    }
  }
  return settled;
};

const helpAfter = (examples: readonly string[], exits: NonNullable<CommandFactory["exits"]>): string =>
  [
    "",
    "Examples:",
    ...examples.map((example) => `  $ ${example}`),
    "",
    "Exit status:",
    `  ${exitCodes.done}  done`,
    `  ${exitCodes.failed}  it failed`,
    `  ${exitCodes.usage}  wrong usage`,
    ...exits.map((code) => `  ${code}  ${exitMeaning[code]}`),
  ].join("\n");

/** What ends the help of `byz` itself: what any command may exit with. */
export const programHelpAfter = (examples: readonly string[]): string =>
  [
    helpAfter(examples, [3, 4, 5, 6]),
    "  69  this Node.js is too old, and no newer one was found",
    `  ${exitCodes.interrupted}  an interrupted client command`,
    "",
    "Each command has its own --help.",
  ].join("\n");

/** Makes the declaration a command. */
export const defineCommand = <Options extends object = object>(spec: CommandSpec<Options>): CommandFactory => {
  const exits = spec.exits ?? [];
  const declare = (host: Host): Command => {
    const [name = "", ...words] = spec.usage.split(" ");
    const command = new Command(name).description(spec.summary).showHelpAfterError(false);
    for (const word of words) command.addArgument(new Argument(word, spec.arguments?.[word.replaceAll(/[<>[\].]/g, "")]));
    for (const option of spec.options ?? []) command.addOption(option);
    addGlobals(command, spec.ownApi === true).addHelpText("after", helpAfter(spec.examples, exits));
    command.action(async (...given: unknown[]) => {
      const args = given.slice(0, words.length) as (string | undefined)[];
      const session = createSession(host.io, globalsOf(command));
      host.exit((await spec.run(session, args, command.opts<Options>())) ?? exitCodes.done);
    });
    return command;
  };
  return Object.assign(declare, { exits });
};

/** A name that only holds other commands, such as `keys`. `whole` runs where none of them is named. */
export const defineGroup = (
  init: { readonly name: string; readonly summary: string; readonly examples: readonly [string, string] },
  members: readonly CommandFactory[],
  whole?: CommandFactory,
): CommandFactory => {
  const all = [...members, ...(whole === undefined ? [] : [whole])];
  const exits = ([3, 4, 5, 6] as const).filter((code) => all.some((member) => member.exits?.includes(code)));
  const declare = (host: Host): Command => {
    const command = new Command(init.name).description(init.summary).enablePositionalOptions();
    if (whole !== undefined) command.addCommand(whole(host), { isDefault: true });
    for (const member of members) command.addCommand(member(host));
    return addGlobals(command).addHelpText("after", helpAfter(init.examples, exits));
  };
  return Object.assign(declare, { exits });
};

/** Reads a whole number within a range. */
export const wholeNumber =
  (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(
        maximum === Number.MAX_SAFE_INTEGER
          ? `It must be a whole number, at least ${minimum}.`
          : `It must be a whole number from ${minimum} to ${maximum}.`,
      );
    }
    return value;
  };

/** For options that may be given several times. */
export const several = (text: string, previous: readonly string[] | undefined): readonly string[] => [...(previous ?? []), text];
