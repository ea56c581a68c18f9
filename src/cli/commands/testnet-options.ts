/** What the commands of `byz testnet` have in common. */
import { Option } from "commander";
import { usageError } from "../errors.ts";

const defaultDir = ".byz-testnet";

export const dirOption = (): Option => new Option("--dir <dir>", "the testnet's folder").default(defaultDir);

/** @throws CliError (usage) */
export const indexOf = (word: string | undefined): number => {
  if (word === undefined || !/^\d{1,3}$/.test(word))
    throw usageError(`not a node's index: ${word ?? ""}`, "nodes are numbered from 0; see `byz testnet status`");
  return Number(word);
};
