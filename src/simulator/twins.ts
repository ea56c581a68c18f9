/**
 * Twins: a validator that runs twice under one identity lies in every way that two honest copies can: it equivocates, votes twice, forgets. Who hears
 * whom is scripted by view, over all partitions of the copies (Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021).
 */
import type { Channel } from "../network/port.ts";

export interface TwinsScript {
  readonly nodes: number;
  /** validators that run twice; the second copy of the first one has the endpoint `nodes`, and so on */
  readonly twins: readonly number[];
  readonly filter: (from: number, to: number, channel: Channel | "gossip", frame: Uint8Array) => boolean;
  /** from now on everybody hears everybody */
  readonly lift: () => void;
}

const NODES = 4;
const BLOCKS = 3;
/** views that are scripted; in later ones everybody hears everybody */
const VIEWS = 3;
/** a frame's view comes after its tag and epoch; only a checkpoint has none */
const VIEW_OFFSET = 9;
const CHECKPOINT_TAG = 4;

/** Every way to divide so many endpoints into at most `most` blocks: block numbers by endpoint, each partition once. */
export const partitionsOf = (endpoints: number, most: number): readonly (readonly number[])[] => {
  const found: number[][] = [];
  const extend = (blocks: number[], used: number): void => {
    if (blocks.length === endpoints) return void found.push(blocks);
    for (let block = 0; block <= Math.min(used, most - 1); block += 1) extend([...blocks, block], Math.max(used, block + 1));
  };
  extend([], 0);
  return found;
};

const viewOf = (frame: Uint8Array): number | undefined => {
  if (frame[0] === CHECKPOINT_TAG || frame.length < VIEW_OFFSET + 8) return undefined;
  return new DataView(frame.buffer, frame.byteOffset + VIEW_OFFSET, 8).getUint32(4);
};

const scripted = (nodes: number, twins: readonly number[], blocksByView: readonly (readonly number[])[]): TwinsScript => {
  let lifted = false;
  return {
    nodes,
    twins,
    filter(from, to, channel, frame) {
      const view = lifted || channel === "sync" ? undefined : viewOf(frame);
      const blocks = view === undefined ? undefined : blocksByView[view];
      return blocks === undefined || blocks[from] === blocks[to];
    },
    lift: () => {
      lifted = true;
    },
  };
};

const partitions = partitionsOf(NODES + 1, BLOCKS);

/** How many different scripts `twinsScript` knows: twinned identity and partition in each scripted view. */
export const twinsScripts = NODES * partitions.length ** VIEWS;

/** shares no factor with `twinsScripts`: few consecutive numbers are spread over all, and as many as there are cover them all */
const STRIDE = 100_003n;

/** The script with this number, modulo their count: one twin of four, the tolerated number. Consecutive numbers cover them all. */
export const twinsScript = (number: bigint): TwinsScript => {
  let rest = Number((number * STRIDE) % BigInt(twinsScripts));
  const take = (below: number): number => {
    const digit = rest % below;
    rest = Math.floor(rest / below);
    return digit;
  };
  const twin = take(NODES);
  const blocks = Array.from({ length: VIEWS }, () => partitions[take(partitions.length)] ?? []);
  return scripted(NODES, [twin], blocks);
};

/** Who is in the first half of all ways to divide so many in two equal halves: bit patterns. */
const halves = (members: number): readonly number[] =>
  Array.from({ length: 2 ** members }, (_, pattern) => pattern).filter((pattern) => {
    let ones = 0;
    for (let rest = pattern; rest > 0; rest >>>= 1) ones += rest & 1;
    return ones === members / 2;
  });

interface Fork {
  readonly nodes: number;
  readonly twins: readonly number[];
  /** honest validators on the first side */
  readonly first: readonly number[];
}

/** f + 1 twins, of four or of seven, with one half of the others each: both sides have a quorum. */
const forks: readonly Fork[] = [4, 7].flatMap((nodes) => {
  const everybody = Array.from({ length: nodes }, (_, index) => index);
  const honest = nodes - Math.floor((nodes - 1) / 3) - 1;
  const choices = Array.from({ length: 2 ** nodes }, (_, pattern) => everybody.filter((index) => ((pattern >>> index) & 1) === 0));
  return choices
    .filter((chosen) => chosen.length === honest)
    .flatMap((chosen) =>
      halves(honest).map((pattern) => ({
        nodes,
        twins: everybody.filter((index) => !chosen.includes(index)),
        first: chosen.filter((_, place) => ((pattern >>> place) & 1) === 1),
      })),
    );
});

/** How many different scripts `forkScript` knows. */
export const forkScripts = forks.length;

/** The script with this number, modulo their count: more twins than can be borne, and two sides that never hear each other. */
export const forkScript = (number: bigint): TwinsScript => {
  const { nodes, twins, first } = forks[Number(number % BigInt(forks.length))] as Fork;
  const isFirst = (endpoint: number): boolean => endpoint < nodes && (twins.includes(endpoint) || first.includes(endpoint));
  let lifted = false;
  return {
    nodes,
    twins,
    filter: (from, to) => lifted || isFirst(from) === isFirst(to),
    lift: () => {
      lifted = true;
    },
  };
};
