/** `byz testnet byzantine`, and the option of `byz testnet up` that does it from the start. */
import { Option } from "commander";
import { actNames } from "../../adversaries/cast.ts";
import { Testnet } from "../../testnet/testnet.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { dirOption, indexOf } from "./testnet-options.ts";

/** Behaviours by the index of the node. */
export type Cheating = Readonly<Record<number, string>>;

/** `2=silent`, collected over repetitions of the option. @throws CliError (usage) */
const collect = (word: string, before: Cheating = {}): Cheating => {
  const at = word.indexOf("=");
  if (at < 1) throw usageError(`not INDEX=BEHAVIOUR: ${word}`, "as 2=silent");
  return { ...before, [indexOf(word.slice(0, at))]: word.slice(at + 1) };
};

/** `--byzantine INDEX=BEHAVIOUR`, repeatable. */
export const cheatingOption = (): Option =>
  new Option("--byzantine <index=behaviour>", "a validator that cheats from the start; may be repeated").argParser(collect);

export const testnetByzantineCommand = defineCommand<{ dir: string }>({
  usage: "byzantine <index> <behaviour>",
  summary: "Makes a validator cheat from now on, or be honest again",
  arguments: { index: "the node's, from 0", behaviour: actNames.join(", ") },
  options: [dirOption()],
  examples: ["byz testnet byzantine 0 equivocate", "byz testnet byzantine 0 honest"],
  async run(session, [word, behaviour = ""], { dir }) {
    const index = indexOf(word);
    const testnet = Testnet.open(dir);
    await testnet.byzantine(index, behaviour);
    session.answer(`node ${index} ${behaviour === "honest" ? "is honest" : `cheats: ${behaviour}`}`, testnet.node(index));
  },
});
