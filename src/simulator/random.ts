/** Seeded randomness: one u64 seed is one universe, and each purpose draws from a stream of its own. */

export interface Random {
  /** in [0, 1) */
  next(): number;
  /** an integer in [0, below) */
  int(below: number): number;
  /** in [low, high) */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  /** @throws RangeError if there is nothing to pick from */
  pick<T>(items: readonly T[]): T;
  exponential(mean: number): number;
  shuffled<T>(items: readonly T[]): T[];
}

/** What is drawn for one purpose does not shift what is drawn for another: a change to one leaves the others' choices as they were. */
export type Purpose =
  | "config"
  | "latency"
  | "loss"
  | "faults"
  | "restarts"
  | "storage"
  | "byzantine"
  | "workload"
  | "verification"
  | "twins"
  | "documents"
  | "rogues"
  | "uneven"
  | "clocks";

const wordRange = 4_294_967_296;

/** sfc32 on four words. */
const createWords = (words: Uint32Array): (() => number) => {
  let [a = 0, b = 0, c = 0, counter = 1] = words;
  return () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
};

/** splitmix32 over the seed's halves and the name, so that near seeds and names give unrelated streams. */
const stretch = (seed: bigint, name: string): Uint32Array => {
  let state = Number(BigInt.asUintN(32, seed)) ^ 0x9e3779b9;
  const mix = (input: number): number => {
    state = (state + 0x9e3779b9 + input) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  mix(Number(BigInt.asUintN(32, seed >> 32n)));
  for (let index = 0; index < name.length; index += 1) state ^= mix(name.charCodeAt(index));
  return Uint32Array.of(mix(1), mix(2), mix(3), 1);
};

/**
 * A stream of its own for this seed and name.
 *
 * @param seed an unsigned 64-bit number
 */
export const createRandom = (seed: bigint, name: string): Random => {
  const word = createWords(stretch(seed, name));
  for (let warmUp = 0; warmUp < 12; warmUp += 1) word();
  const next = (): number => word() / wordRange;
  const int = (below: number): number => Math.floor(next() * below);
  return {
    next,
    int,
    between: (low, high) => low + next() * (high - low),
    chance: (probability) => next() < probability,
    pick(items) {
      const item = items[int(items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    shuffled<T>(items: readonly T[]): T[] {
      const copy = [...items];
      for (let index = copy.length - 1; index > 0; index -= 1) {
        const other = int(index + 1);
        [copy[index], copy[other]] = [copy[other] as T, copy[index] as T];
      }
      return copy;
    },
  };
};

/** The streams of one seed, one for each purpose. */
export const createStreams = (seed: bigint): ((purpose: Purpose) => Random) => {
  const streams = new Map<Purpose, Random>();
  return (purpose) => {
    const known = streams.get(purpose) ?? createRandom(seed, purpose);
    streams.set(purpose, known);
    return known;
  };
};
