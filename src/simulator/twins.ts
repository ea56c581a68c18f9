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

/** The script with this number, modulo their count: one twin of four, the tolerated number. Consecutive numbers cover them all. */
export const twinsScript = (number: bigint): TwinsScript => {
  let rest = Number(number % BigInt(twinsScripts));
  const take = (below: number): number => {
    const digit = rest % below;
    rest = Math.floor(rest / below);
    return digit;
  };
  const twin = take(NODES);
  const blocks = Array.from({ length: VIEWS }, () => partitions[take(partitions.length)] ?? []);
  return scripted(NODES, [twin], blocks);
};

/** Two twins of four, one more than can be borne, each copy with one honest validator: both sides have a quorum. */
export const forkScript = (): TwinsScript => {
  const sides = [0, 0, 0, 1, 1, 1];
  const always = Array.from({ length: 1000 }, () => sides);
  return scripted(NODES, [0, 1], always);
};
