/** Moments in monotonic milliseconds, some of which never come. */

/** The earlier of two moments, either of which may never come. */
export const sooner = (a: number | undefined, b: number | undefined): number | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
};
