/** `byz get` */
import { Option } from "commander";
import type { Consistency, GetAnswer } from "../client/answers.ts";
import { clientOf } from "./client.ts";
import { defineCommand } from "./command.ts";
import { CliError, exitCodes, usageError } from "./errors.ts";
import type { Session } from "./session.ts";

interface GetOptions {
  readonly consistency?: Consistency;
  readonly prove?: boolean;
  readonly raw?: boolean;
}

/** the words of `--consistency` */
export const consistencyOption = (): Option =>
  new Option(
    "--consistency <level>",
    "linearizable sees all writes acknowledged before; certified comes with a proof; local is what this node has",
  ).choices(["linearizable", "certified", "local"]);

const absent = (key: string): CliError =>
  new CliError({ code: "not_found", message: `there is no key ${key}`, exitCode: exitCodes.failed });

/** The value's bytes as they are, for files and pipes. */
const writeRaw = async (session: Session, key: string, consistency: Consistency): Promise<void> => {
  const value = await clientOf(session).getRaw(key, { consistency });
  if (value === undefined) throw absent(key);
  session.io.stdout(value);
};

const render = (answer: GetAnswer, prove: boolean): string => {
  const value = answer.encoding === "utf8" ? answer.value : `base64:${answer.value}`;
  return prove && answer.proof !== undefined ? `${value}\n${JSON.stringify(answer.proof)}` : value;
};

export const getCommand = defineCommand<GetOptions>({
  usage: "get <key>",
  summary: "Reads a key",
  arguments: { key: "its name" },
  options: [
    consistencyOption(),
    new Option("--prove", "with the proof that leads from the value to a checkpoint that a quorum signed; implies --consistency certified"),
    new Option("--raw", "the value's bytes as they are, nothing else").conflicts("json"),
  ],
  examples: ["byz get greeting", "byz get photo --raw > photo.jpg"],
  exits: [4, 5],
  async run(session, [key = ""], options) {
    const prove = options.prove === true;
    if (prove && options.consistency !== undefined && options.consistency !== "certified") {
      throw usageError(`--prove does not go with --consistency ${options.consistency}`, "only certified reads have a proof");
    }
    const consistency = options.consistency ?? (prove ? "certified" : "linearizable");
    if (options.raw === true) return writeRaw(session, key, consistency);
    const answer = await clientOf(session).get(key, { consistency });
    if (answer === undefined) throw absent(key);
    session.answer(render(answer, prove), answer);
    return exitCodes.done;
  },
});
