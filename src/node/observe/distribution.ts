/** Counts of what was measured, by size: plain numbers that cost next to nothing while nobody looks. */

export interface Distribution {
  /** upper ends, ascending; above the last one there is one more count */
  readonly bounds: readonly number[];
  /** of each bound's own part, not cumulative */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  observe(value: number): void;
}

export const createDistribution = (bounds: readonly number[]): Distribution => {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  let sum = 0;
  let count = 0;
  return {
    bounds,
    counts,
    get sum() {
      return sum;
    },
    get count() {
      return count;
    },
    observe(value) {
      let place = 0;
      while (place < bounds.length && value > (bounds[place] as number)) place += 1;
      counts[place] = (counts[place] as number) + 1;
      sum += value;
      count += 1;
    },
  };
};
