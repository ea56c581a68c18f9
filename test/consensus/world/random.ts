/** Seeded randomness: one seed is one universe. */

export interface Random {
  /** in [0, 1) */
  next(): number;
  /** an integer in [0, below) */
  int(below: number): number;
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  exponential(mean: number): number;
  shuffled<T>(items: readonly T[]): T[];
  /** an independent stream: what one part draws does not shift what another draws */
  fork(): Random;
}

/** sfc32 with the seed stretched by splitmix32. */
export const createRandom = (seed: number): Random => {
  let s = seed | 0;
  const stretch = (): number => {
    s = (s + 0x9e3779b9) | 0;
    let z = s ^ (s >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = stretch();
  let b = stretch();
  let c = stretch();
  let counter = 1;
  const word = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  const random: Random = {
    next: () => word() / 4_294_967_296,
    int: (below) => Math.floor(random.next() * below),
    between: (low, high) => low + random.next() * (high - low),
    chance: (probability) => random.next() < probability,
    pick(items) {
      const item = items[random.int(items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
    exponential: (mean) => -Math.log(1 - random.next()) * mean,
    shuffled(items) {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i -= 1) {
        const j = random.int(i + 1);
        [copy[i], copy[j]] = [copy[j] as (typeof copy)[number], copy[i] as (typeof copy)[number]];
      }
      return copy;
    },
    fork: () => createRandom(word()),
  };
  return random;
};
