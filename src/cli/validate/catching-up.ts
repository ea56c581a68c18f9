/** A node is cut off while the others write as fast as they can, and comes back. */
import { startLoad } from "../bench/load-process.ts";
import { primaryAsSeenBy } from "./logs.ts";
import { calm, since, type Stage } from "./stage.ts";
import { eventually } from "./wait.ts";

const rounds = 3;
const writingSeconds = 4;
const load = { clients: 16, payload: 128, operations: 1, seconds: writingSeconds };
const patienceMs = 60_000;

const executed = async ({ testnet }: Stage, index: number): Promise<number> => (await testnet.client(index).status()).sequence.executed;

/** Cuts this node off for some seconds of load, then measures how fast it comes to where the others were when it came back. */
const miss = async (stage: Stage, away: number): Promise<void> => {
  const { testnet, f, all, genesis, timeline, figures, book, signal } = stage;
  const tally = book.tally("catch-up");
  const others = all.filter((index) => index !== away);
  const urls = others.map((index) => testnet.node(index).api);
  const generator = startLoad(signal);
  try {
    timeline.mark(`node ${away} cut off`);
    await testnet.partition([others, [away]]);
    const begun = performance.now();
    const from = await executed(stage, others[0] as number);
    await generator.run({ ...load, urls, believed: f + 1, genesisHash: genesis.hash });
    const goal = await executed(stage, others[0] as number);
    const writingRate = (goal - from) / ((performance.now() - begun) / 1_000);
    const sequences = goal - (await executed(stage, away));
    const healed = performance.now();
    await testnet.heal();
    timeline.mark("healed");
    await eventually(
      `node ${away} is where the others were`,
      patienceMs,
      async () => ((await executed(stage, away)) >= goal ? true : undefined),
      signal,
    );
    const milliseconds = since(healed);
    const rate = (sequences / milliseconds) * 1_000;
    const [own, their] = await Promise.all([away, others[0] as number].map((index) => testnet.client(index).block(goal)));
    const same = own !== undefined && own.logHash === their?.logHash;
    const figure = {
      sequences,
      milliseconds,
      rate: Math.round(rate),
      writingRate: Math.round(writingRate),
      ratio: Number((rate / writingRate).toFixed(1)),
    };
    figures.catchUp = [...(figures.catchUp ?? []), figure];
    const text = `node ${away} missed ${sequences} sequences (${figure.writingRate}/s) and had them ${milliseconds} ms after the heal, ${figure.ratio} times as fast`;
    stage.note(`  ${text}`);
    tally.tell(text);
    tally.check(same && sequences > 0 && figure.ratio > 1, same ? `no faster than the others write` : `it has another log at ${goal}`);
  } finally {
    generator.stop();
  }
};

/** Other nodes in turn, none of them the primary. */
export const catchUp = async (stage: Stage): Promise<void> => {
  for (let round = 0; round < rounds; round += 1) {
    const primary = await primaryAsSeenBy(stage.testnet, stage.honest[0] as number);
    await miss(stage, (primary + 1 + round) % stage.n);
    await calm(stage);
  }
};
