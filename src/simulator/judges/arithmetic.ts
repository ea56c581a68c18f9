/** The judges' own arithmetic: written from the definition, not shared with the code under judgement. */

export interface Arithmetic {
  readonly n: number;
  /** the largest number of liars of whom there are less than a third */
  readonly f: number;
  /** the smallest number of which any two groups share more than f members */
  readonly quorum: number;
}

export const arithmeticOf = (n: number): Arithmetic => {
  let f = 0;
  while (3 * (f + 1) < n) f += 1;
  let quorum = 1;
  while (2 * quorum - n < f + 1) quorum += 1;
  return { n, f, quorum };
};
