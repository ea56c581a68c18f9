/** What every command is given: the global options, settled, and how to answer. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { visible } from "../node/home/printable.ts";
import type { Io } from "./io.ts";

/** Global options as given on the command line. */
export interface GlobalFlags {
  readonly home?: string;
  readonly api?: string;
  readonly passphraseFile?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
  readonly trace?: boolean;
}

export type Origin = "flag" | "environment" | "default";

export interface Session {
  readonly io: Io;
  /** absolute path of the home directory */
  readonly home: string;
  /** who named it: --home, BYZ_HOME, or nobody */
  readonly homeFrom: Origin;
  /** what opens encrypted keys is in this file, by --passphrase-file or BYZ_PASSPHRASE_FILE */
  readonly passphraseFile: string | undefined;
  /** of the nodes' bearer token, by --token-file or BYZ_TOKEN_FILE */
  readonly tokenFile: string | undefined;
  /** nodes to ask, in order */
  readonly apiUrls: readonly string[];
  /** who named them: --api, BYZ_API, or nobody */
  readonly apiFrom: Origin;
  readonly json: boolean;
  readonly quiet: boolean;
  /** The answer: one JSON document with --json, else the text, which gets its newline here. */
  answer(text: string | (() => string), json: unknown): void;
  /** Progress, on stderr; silent with --quiet. */
  note(text: string): void;
  bold(text: string): string;
  /** Several lines that somebody else wrote, as they are, but for what a terminal would obey where stdout is one. */
  words(text: string): string;
}

export const defaultApi = "http://127.0.0.1:27657";

/** lines and columns may stay */
const layout = "\n\t";

const list = (text: string): string[] => text.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));

/** `127.0.0.1:27657` is as good as `http://127.0.0.1:27657`. */
const toUrl = (word: string): string => (word.includes("://") ? word : `http://${word}`);

const given = (...values: readonly (string | undefined)[]): string | undefined =>
  values.find((value) => value !== undefined && value !== "");

const originOf = (flag: string | undefined, variable: string | undefined): Origin =>
  given(flag) !== undefined ? "flag" : given(variable) !== undefined ? "environment" : "default";

export const createSession = (io: Io, flags: GlobalFlags): Session => {
  const json = flags.json === true;
  const quiet = flags.quiet === true;
  const colour = io.colour && flags.color !== false && !json;
  return {
    io,
    home: resolve(given(flags.home, io.environment["BYZ_HOME"]) ?? join(homedir(), ".byz")),
    homeFrom: originOf(flags.home, io.environment["BYZ_HOME"]),
    passphraseFile: given(flags.passphraseFile, io.environment["BYZ_PASSPHRASE_FILE"]),
    tokenFile: given(flags.tokenFile, io.environment["BYZ_TOKEN_FILE"]),
    apiFrom: originOf(flags.api, io.environment["BYZ_API"]),
    apiUrls: list(given(flags.api, io.environment["BYZ_API"]) ?? defaultApi).map(toUrl),
    json,
    quiet,
    answer(text, document) {
      const shown = json ? JSON.stringify(document) : typeof text === "string" ? text : text();
      io.stdout(`${shown}\n`);
    },
    note(text) {
      if (!quiet) io.stderr(`${visible(text, layout)}\n`);
    },
    bold: (text) => (colour ? styleText("bold", text, { validateStream: false }) : text),
    words: (text) => (io.terminal ? visible(text, layout) : text),
  };
};
