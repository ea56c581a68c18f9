/** `byz validate` */
import { InvalidArgumentError, Option } from "commander";
import { defineCommand, wholeNumber } from "./command.ts";
import { exitCodes } from "./errors.ts";
import { type ClaimId, claimIds } from "./validate/claims.ts";
import { validate } from "./validate/run.ts";

interface Options {
  readonly nodes: number;
  readonly report?: string;
  readonly only?: readonly ClaimId[];
}

const isClaim = (word: string): word is ClaimId => claimIds.some((id) => id === word);

/** @throws InvalidArgumentError */
const parseClaims = (text: string): readonly ClaimId[] => {
  const words = text.split(",");
  if (!words.every(isClaim)) throw new InvalidArgumentError(`It must be some of ${claimIds.join(", ")}.`);
  return words;
};

export const validateCommand = defineCommand<Options>({
  usage: "validate",
  summary: "Tries every claim about the network on real processes, with kills, cuts and cheats, and says which held",
  options: [
    new Option("--nodes <n>", "validators of its own network").argParser(wholeNumber(4, 10)).default(7),
    new Option("--report <dir>", "write a page with plots there, as index.html, and the answer as result.json"),
    new Option("--only <claims>", `some of ${claimIds.join(", ")}`).argParser(parseClaims),
  ],
  examples: ["byz validate --report report", "byz validate --nodes 4 --only agreement,primary,cut --json"],
  async run(session, _args, { nodes, only }) {
    const { validation } = await validate({
      nodes,
      signal: session.io.signal,
      note: session.note,
      ...(only === undefined ? {} : { only }),
    });
    session.answer(() => JSON.stringify(validation, undefined, 1), validation);
    return validation.claims.every(({ verified }) => verified) ? exitCodes.done : exitCodes.failed;
  },
});
