/** `byz testnet partition` and `byz testnet heal` */
import { Option } from "commander";
import { Testnet } from "../../testnet/testnet.ts";
import { defineCommand } from "../command.ts";
import { dirOption, indexOf } from "./testnet-options.ts";

const groupOf = (word: string | undefined): number[] => (word ?? "").split(",").map(indexOf);

export const testnetPartitionCommand = defineCommand<{ dir: string; oneWay?: boolean }>({
  usage: "partition <groups...>",
  summary: "Cuts every link between groups of nodes until heal",
  arguments: { groups: "each the indexes of its nodes, comma-separated; nodes in no group keep their links" },
  options: [dirOption(), new Option("--one-way", "only what the first group sends to the second is lost")],
  examples: ["byz testnet partition 0,1 2,3", "byz testnet partition 0 1,2,3 --one-way"],
  async run(session, args, { dir, oneWay }) {
    const groups = args.flat().map(groupOf);
    const testnet = Testnet.open(dir);
    await testnet.partition(groups, { oneWay: oneWay === true });
    const between = groups.map((group) => group.join(",")).join(oneWay === true ? " → " : " | ");
    session.answer(`cut: ${between}; \`byz testnet heal\` ends it`, testnet.state());
  },
});

export const testnetHealCommand = defineCommand<{ dir: string }>({
  usage: "heal",
  summary: "Ends every cut",
  options: [dirOption()],
  examples: ["byz testnet heal", "byz testnet heal --dir /tmp/net"],
  async run(session, _args, { dir }) {
    const testnet = Testnet.open(dir);
    await testnet.heal();
    session.answer("no link is cut any more", testnet.state());
  },
});
