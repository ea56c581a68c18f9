/** `byz validate` */
import { InvalidArgumentError, Option } from "commander";
import { makeFolder } from "../../node/home/layout.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { exitCodes } from "../errors.ts";
import { type ClaimId, claimIds } from "../validate/claims.ts";
import { writeReport } from "../validate/report.ts";
import { type Validation, validate } from "../validate/run.ts";
import { validationText } from "../validate/text.ts";

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

/** The exit status that a verdict deserves. */
export const exitOf = ({ claims }: Pick<Validation, "claims">): number =>
  claims.every(({ verified }) => verified) ? exitCodes.done : exitCodes.failed;

export const validateCommand = defineCommand<Options>({
  usage: "validate",
  summary: "Tries every claim about the network on real processes, with kills, cuts and cheats, and says which held",
  options: [
    new Option("--nodes <n>", "validators of its own network").argParser(wholeNumber(4, 10)).default(7),
    new Option("--report <dir>", "write a page with plots there, as index.html, and the answer as result.json"),
    new Option("--only <claims>", `some of ${claimIds.join(", ")}`).argParser(parseClaims),
  ],
  examples: ["byz validate --report report", "byz validate --nodes 4 --only agreement,primary,cut --json"],
  async run(session, _args, { nodes, report, only }) {
    // found out now, not after minutes
    if (report !== undefined) makeFolder(report);
    const run = await validate({ nodes, signal: session.io.signal, note: session.note, ...(only === undefined ? {} : { only }) });
    if (report !== undefined) session.note(`the report is ${writeReport(report, run)}`);
    session.answer(() => validationText(session, run.validation), run.validation);
    return exitOf(run.validation);
  },
});
