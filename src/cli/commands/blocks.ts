/** `byz blocks` */
import { Option } from "commander";
import type { BlockAnswer } from "../../client/answers.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import type { Session } from "../session.ts";
import { pairs, shortHash, table } from "../table.ts";
import { keyText } from "../value.ts";

const timeOf = (block: BlockAnswer): string => (block.timestamp === 0 ? "-" : new Date(block.timestamp).toISOString());

const showOne = async (session: Session, sequence: number): Promise<void> => {
  const block = await clientOf(session).block(sequence);
  if (block === undefined) {
    throw new CliError({
      code: "not_found",
      message: `block ${sequence} is not there`,
      hint: "it is not executed yet, or no longer kept; see `byz status`",
      exitCode: exitCodes.failed,
    });
  }
  const head = pairs([
    ["sequence", String(block.sequence)],
    ["view", `${block.view} in epoch ${block.epoch}`],
    ["time", timeOf(block)],
    ["digest", block.digest],
    ["log hash", block.logHash],
    ["committed by", block.certificate.signatures.map(({ replica }) => replica).join(", ")],
  ]);
  const rows = block.requests.flatMap((request) =>
    request.operations.map((operation) => [
      shortHash(request.id),
      shortHash(request.client),
      operation.type,
      "key" in operation ? keyText(operation) : "",
    ]),
  );
  session.answer(rows.length === 0 ? head : `${head}\n\n${table(session, ["REQUEST", "CLIENT", "OPERATION", "KEY"], rows)}`, block);
};

const showSome = async (session: Session, options: { readonly from?: number; readonly limit: number }): Promise<void> => {
  const client = clientOf(session);
  const from = options.from ?? Math.max(1, (await client.status()).sequence.executed - options.limit + 1);
  const blocks = await client.blocks({ from, limit: options.limit });
  const rows = blocks.map((block) => [
    String(block.sequence),
    String(block.view),
    timeOf(block),
    String(block.requests.length),
    shortHash(block.digest),
    block.logHash,
  ]);
  session.answer(table(session, ["SEQUENCE", "VIEW", "TIME", "REQUESTS", "DIGEST", "LOG HASH"], rows), blocks);
};

export const blocksCommand = defineCommand<{ from?: number; limit: number; watch?: boolean }>({
  usage: "blocks [sequence]",
  summary: "The ledger's last blocks, or one of them",
  arguments: { sequence: "show this one with its requests" },
  options: [
    new Option("--from <sequence>", "show those from this one on").argParser(wholeNumber(1)),
    new Option("--limit <n>", "at most so many").argParser(wholeNumber(1, 256)).default(10),
    new Option("--watch", "again every second"),
  ],
  examples: ["byz blocks --limit 3", "byz blocks 17 --json"],
  exits: [4],
  async run(session, [sequence], options) {
    if (sequence === undefined) return showing(session, options.watch, () => showSome(session, options));
    if (!/^[1-9]\d{0,14}$/.test(sequence)) throw usageError(`not a sequence: ${sequence}`, "sequences are whole numbers from 1");
    if (options.watch === true) throw usageError("one block does not change", "--watch goes with the list of blocks");
    await showOne(session, Number(sequence));
    return exitCodes.done;
  },
});
