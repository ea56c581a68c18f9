/** What a peer could cause at will is told at most once in a second, with the number left out. */

const SAMPLED_MS = 1_000;

/** Calls `tell` unless it was called for the same name within the last second. Names are fixed by the code: the map is bounded. */
export type Sampler = (name: string, tell: (suppressed: number) => void) => void;

export const createSampler = (now: () => number): Sampler => {
  const told = new Map<string, { at: number; left: number }>();
  return (name, tell) => {
    const last = told.get(name) ?? { at: Number.NEGATIVE_INFINITY, left: 0 };
    if (now() - last.at < SAMPLED_MS) last.left += 1;
    else {
      tell(last.left);
      last.at = now();
      last.left = 0;
    }
    told.set(name, last);
  };
};
