/** The network under load, before anything is done to it. */
import { figuresOf } from "../bench/figures.ts";
import { startLoad } from "../bench/load-process.ts";
import { usageOf } from "../bench/usage.ts";
import type { Stage } from "./stage.ts";

/** as `byz bench` has them by default */
const load = { clients: 64, payload: 128, operations: 1 };
const warmUpSeconds = 1.5;
const seconds = 4;

/** Throughput, latency, CPU and memory of the whole network, before anything is done to it; the witnesses are silent. */
export const measureLoad = async ({ testnet, f, genesis, witnesses, signal, figures }: Stage): Promise<void> => {
  const generator = startLoad(signal);
  const { nodes } = testnet.state();
  const usage = usageOf(nodes);
  const order = { ...load, urls: nodes.map(({ api }) => api), believed: f + 1, genesisHash: genesis.hash };
  try {
    await witnesses.silent(async () => {
      await generator.run({ ...order, seconds: warmUpSeconds });
      const before = await usage();
      const result = await generator.run({ ...order, seconds });
      const { throughput, latencyMs, cpuSecondsPerThousand, rssMiB } = figuresOf(load, result, { before, after: await usage() });
      Object.assign(figures, { clients: load.clients, payload: load.payload, throughput, latencyMs, cpuSecondsPerThousand, rssMiB });
    });
  } finally {
    generator.stop();
  }
};
