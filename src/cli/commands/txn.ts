/** `byz txn` */
import { readFileSync } from "node:fs";
import type { SimpleResultJson } from "../../client/answers.ts";
import { ClientError } from "../../client/errors.ts";
import type { Transaction } from "../../client/key-value-calls.ts";
import { parseTransaction } from "../../client/transaction-json.ts";
import type { SimpleResult } from "../../ledger/kv/operations.ts";
import { visible } from "../../node/home/printable.ts";
import { defineCommand } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import type { Session } from "../session.ts";
import { submit } from "../submit.ts";
import { valueMembers, valueText } from "../value.ts";
import { type GenesisFlag, genesisOption } from "../verified.ts";

const readText = async (session: Session, file: string): Promise<string> => {
  if (file === "-") return Buffer.from(await session.io.stdin()).toString("utf8");
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CliError({ code: "unreadable", message: `${file}: ${(cause as Error).message}`, exitCode: exitCodes.failed, cause });
  }
};

/** @throws CliError (usage) */
const parse = (file: string, text: string): Transaction => {
  try {
    return parseTransaction(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof ClientError) throw usageError(cause.message, cause.hint);
    throw usageError(`${file} is not JSON: ${(cause as Error).message}`, "`byz txn --help` shows one");
  }
};

/** A result in the words of docs/http.md, whoever decoded it. */
const toJson = (result: SimpleResult | SimpleResultJson): SimpleResultJson => {
  if (result.type !== "get" || "found" in result) return result;
  if (result.entry === undefined) return { type: "get", found: false };
  return { type: "get", found: true, ...valueMembers(result.entry.value), version: result.entry.version };
};

const lineOf = (result: SimpleResultJson): string => {
  if (result.type === "put") return `put: version ${result.version}`;
  if (result.type === "delete") return result.deleted ? "delete: done" : "delete: there was no such key";
  if (result.type === "get")
    return result.found ? `get: version ${result.version}: ${visible(valueText(result))}` : "get: there is no such key";
  return result.type;
};

export const txnCommand = defineCommand<GenesisFlag>({
  usage: "txn <file>",
  summary: 'Compares, then does one of two lists of operations, all or nothing: {"compare": [...], "success": [...], "failure": [...]}',
  arguments: { file: "the transaction as JSON, in the shape of POST /v1/txn; - is standard input" },
  options: [genesisOption()],
  examples: ["byz txn transfer.json", "byz txn - --json < transfer.json"],
  exits: [3, 4, 5, 6],
  async run(session, [file = ""], options) {
    const transaction = parse(file, await readText(session, file));
    const { result, sequence, requestId, verified } = await submit(session, { type: "txn", ...transaction }, options);
    if (result.type !== "txn") {
      throw new CliError({
        code: "bad_answer",
        message: `the ledger answered ${result.type} to a transaction`,
        exitCode: exitCodes.failed,
      });
    }
    const results = result.results.map(toJson);
    const branch = result.succeeded ? "the comparisons held" : "a comparison did not hold";
    session.answer([`${branch}, in block ${sequence}`, ...results.map(lineOf)].join("\n"), {
      succeeded: result.succeeded,
      results,
      sequence,
      requestId,
      ...(verified === undefined ? {} : { verified }),
    });
  },
});
