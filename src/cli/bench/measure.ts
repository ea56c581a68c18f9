/** Measures loads on a network: one of its own for each number of nodes, gone afterwards, or the one that --api names. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHttpClient } from "../../client/http-client.ts";
import { faultsTolerated } from "../../protocol/committee.ts";
import { Testnet } from "../../testnet/testnet.ts";
import { clientOf } from "../client.ts";
import { usageError } from "../errors.ts";
import type { Session } from "../session.ts";
import type { Cheating } from "../commands/testnet-byzantine.ts";
import { type BenchFigures, figuresOf, type Point } from "./figures.ts";
import { measureFloor } from "./floor.ts";
import { startLoad } from "./load-process.ts";
import { usageOf } from "./usage.ts";

/** What is the same for every point. */
export interface Conditions {
  readonly seconds: number;
  readonly rate?: number;
  /** behaviours by the validator's index, from the start */
  readonly byzantine?: Cheating;
}

/** The network that is measured. */
interface Target {
  readonly nodes: readonly { readonly api: string; readonly pid?: number | null }[];
  /** validators */
  readonly n: number;
  readonly genesisHash: string;
}

/** not counted: sockets open, code is compiled; at most as long as what is counted */
const longestWarmUpSeconds = 2;

const pointText = ({ clients, payload, operations }: Point): string =>
  `${clients} clients, ${payload} bytes, ${operations === 0 ? "plain" : `${operations} operations a request`}`;

/** All points on one network, one after the other, beside the machine's floor. */
const measureOn = async (
  session: Session,
  target: Target,
  work: { readonly points: readonly Point[]; readonly conditions: Conditions; readonly folder: string },
): Promise<BenchFigures[]> => {
  const { points, conditions, folder } = work;
  const { seconds, rate, byzantine } = conditions;
  const paced = rate === undefined ? {} : { rate };
  const cheating =
    byzantine === undefined ? {} : { byzantine: Object.entries(byzantine).map(([index, behaviour]) => `${index}=${behaviour}`) };
  session.note("measuring what this machine can do at best");
  const floor = await measureFloor(folder);
  const load = startLoad(session.io.signal);
  try {
    const usage = usageOf(target.nodes);
    const network = { urls: target.nodes.map(({ api }) => api), believed: faultsTolerated(target.n) + 1, genesisHash: target.genesisHash };
    const warmUpSeconds = Math.min(longestWarmUpSeconds, seconds);
    const figures: BenchFigures[] = [];
    for (const point of points) {
      const order = { ...network, ...point, ...paced, seconds };
      session.note(`${pointText(point)}: warming up for ${warmUpSeconds} s, then ${seconds} s`);
      await load.run({ ...order, seconds: warmUpSeconds });
      const before = await usage();
      const result = await load.run(order);
      const after = await usage();
      figures.push({ ...point, nodes: target.n, seconds, ...paced, ...cheating, ...figuresOf(point, result, { before, after }), floor });
    }
    return figures;
  } finally {
    load.stop();
  }
};

/** A network of its own, gone afterwards. */
const onOwnNetwork = async (session: Session, nodes: number, points: readonly Point[], conditions: Conditions): Promise<BenchFigures[]> => {
  const folder = mkdtempSync(join(tmpdir(), "byz-bench-"));
  try {
    const testnet = await Testnet.up({
      dir: join(folder, "net"),
      nodes,
      chainId: "bench",
      ...(conditions.byzantine === undefined ? {} : { byzantine: conditions.byzantine }),
      config: { log: { level: "warn" } },
      progress: session.note,
      signal: session.io.signal,
    });
    try {
      const { genesisHash } = await testnet.client(0).status();
      return await measureOn(session, { nodes: testnet.state().nodes, n: nodes, genesisHash }, { points, conditions, folder });
    } finally {
      await testnet.down();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/**
 * Each number of nodes on a network of its own.
 *
 * @throws TestnetError, CliError
 */
export const measureOwnNetworks = async (session: Session, points: readonly Point[], conditions: Conditions): Promise<BenchFigures[]> => {
  const figures: BenchFigures[] = [];
  for (const [nodes, those] of Map.groupBy(points, (point) => point.nodes))
    figures.push(...(await onOwnNetwork(session, nodes, those, conditions)));
  return figures;
};

/**
 * The network that --api names: it keeps what was written.
 *
 * @throws CliError, ClientError
 */
export const measureRunningNetwork = async (
  session: Session,
  points: readonly Point[],
  conditions: Conditions,
): Promise<BenchFigures[]> => {
  clientOf(session); // complains about bad URLs
  const statuses = await Promise.all(session.apiUrls.map((url) => createHttpClient({ urls: [url], signal: session.io.signal }).status()));
  const { n, f } = statuses[0]?.quorum ?? { n: 0, f: 0 };
  if (new Set(statuses.map(({ peerId }) => peerId)).size < f + 1) {
    throw usageError(
      `a result of ${n} validators is believed when ${f + 1} nodes answer alike`,
      `name at least ${f + 1} different nodes with --api`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "byz-bench-"));
  try {
    const target = { nodes: session.apiUrls.map((api) => ({ api })), n, genesisHash: statuses[0]?.genesisHash ?? "" };
    return await measureOn(session, target, { points, conditions, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
