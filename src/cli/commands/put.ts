/** `byz put` */
import { readFileSync } from "node:fs";
import { Option } from "commander";
import { defineCommand, wholeNumber } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import type { Session } from "../session.ts";
import { checkValue, keyBytes, submit, textArgument } from "../submit.ts";
import { type GenesisFlag, genesisOption } from "../verified.ts";

interface PutOptions extends GenesisFlag {
  readonly ifVersion?: number;
  readonly file?: string;
}

const readValue = async (session: Session, value: string | undefined, file: string | undefined): Promise<Uint8Array> => {
  if (value !== undefined && file !== undefined) throw usageError("a value and --file were given", "give one of them");
  if (value !== undefined) return new TextEncoder().encode(textArgument("value", value));
  if (file === undefined) throw usageError("the value is missing", "give it after the key, or --file FILE, or --file - for standard input");
  if (file === "-") return session.io.stdin();
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CliError({ code: "unreadable", message: `${file}: ${(cause as Error).message}`, exitCode: exitCodes.failed, cause });
  }
};

export const putCommand = defineCommand<PutOptions>({
  usage: "put <key> [value]",
  summary: "Writes a key, signed with the home's client.key, which is made on the first use",
  arguments: { key: "its name, at most 1024 bytes", value: "its text, at most 1 MiB" },
  options: [
    new Option("--if-version <n>", "only if the key has this version; 0: only if it does not exist").argParser(wholeNumber(0)),
    new Option("--file <file>", "take the value from a file; - is standard input"),
    genesisOption(),
  ],
  examples: ["byz put greeting hello", "byz put greeting 'hello again' --if-version 1"],
  exits: [3, 4, 5, 6],
  async run(session, [key = "", text], options) {
    const name = keyBytes(textArgument("key", key));
    const value = checkValue(await readValue(session, text, options.file));
    const expect = options.ifVersion === undefined ? {} : { expect: options.ifVersion };
    const { result, ...place } = await submit(session, { type: "put", key: name, value, ...expect }, options);
    const version = result.type === "put" ? result.version : 0;
    session.answer(`${key} is at version ${version}, in block ${place.sequence}`, { key, version, ...place });
  },
});
