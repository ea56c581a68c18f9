/** `byz partitions` */
import { Option } from "commander";
import type { ValidatorAnswer } from "../../client/answers.ts";
import type { PartitionAnswer } from "../../client/partition-answers.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand } from "../command.ts";
import { pairs } from "../table.ts";

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** Names for people where there are some. */
const namer = (validators: readonly ValidatorAnswer[]): ((peerId: string) => string) => {
  const names = new Map(validators.map(({ peerId, moniker }) => [peerId, moniker ?? peerId]));
  return (peerId) => names.get(peerId) ?? peerId;
};

const sidesText = (sides: PartitionAnswer["sides"], name: (peerId: string) => string): string =>
  sides.map((side) => side.map(name).join(", ")).join(" | ");

const documentText = ({ name, ours, theirs, anchor }: NonNullable<PartitionAnswer["documents"]>[number]): string =>
  `${name}: ${ours} changes here, ${theirs} from the others; ${anchor === undefined ? "not anchored yet" : `anchored in block ${anchor.sequence}`}`;

const render = (partition: PartitionAnswer, name: (peerId: string) => string): string => {
  const { since, until, state, sides, brokenLinks = [], sequences, catchUp, documents = [], conflicts = [], phases } = partition;
  const lasted = until === undefined ? `and goes on, for ${seconds(Date.now() - since)} now` : `for ${seconds(until - since)}`;
  return pairs([
    ["partition", partition.id],
    ["when", `${new Date(since).toISOString()} ${lasted}`],
    ["state", phases.length > 1 ? `${state} (of ${phases.length} phases)` : state],
    ["sides", sidesText(sides, name)],
    ...brokenLinks.map(({ from, to }) => ["broken", `what ${name(from)} sends does not reach ${name(to)}`] as const),
    ["sequences", sequences.until === undefined ? `from ${sequences.since}` : `${sequences.since} to ${sequences.until}`],
    ...(catchUp === undefined
      ? []
      : [["caught up", `${catchUp.sequences} sequences, ${catchUp.bytes} bytes, ${catchUp.milliseconds} ms`] as const]),
    ...documents.map((each) => ["document", documentText(each)] as const),
    ...conflicts.map(({ kind, document, detail, resolution }) => {
      const where = document === undefined ? detail : `${document} ${detail}`;
      return ["conflict", `${kind}: ${where}; ${resolution}`] as const;
    }),
  ]);
};

export const partitionsCommand = defineCommand<{ watch?: boolean }>({
  usage: "partitions",
  summary: "How the network was cut, as a node lived through it: sides, duration, what it took to catch up",
  options: [new Option("--watch", "again every second")],
  examples: ["byz partitions", "byz partitions --json --api http://127.0.0.1:27659"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const [partitions, validators] = await Promise.all([client.partitions(), client.validators()]);
      const text = partitions.map((partition) => render(partition, namer(validators))).join("\n\n");
      session.answer(text === "" ? "no partition since this node was started" : text, partitions);
    });
  },
});
