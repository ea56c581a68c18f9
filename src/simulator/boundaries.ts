/**
 * Power cuts between any two calls of a node to its disk, its network and its clock, by number: the primary of view 0, or a backup, or both the primary and
 * the next one lose their power at a certain call of their first life, and perhaps at another one of their second, so that the return is cut short too
 * (PROTOCOL §6). Consecutive numbers cover all cuts.
 */

/** At which of its calls in this life an endpoint's power is cut; undefined: never. */
export type PowerCuts = (endpoint: number, life: number) => number | undefined;

/** Calls of a first life among which the power is cut: through two windows, or a view change, of a short universe. */
const CALLS = 400;
/** Calls of a second life: what was said before is said again, and something new. */
const AGAIN = 40;
/** who loses power: alone, or with the one that would lead the next view */
const VICTIMS: readonly (readonly number[])[] = [[0], [1], [0, 1], [3], [1, 2]];

/** How many different scripts `powerCutsOf` knows. */
export const powerCutScripts = VICTIMS.length * CALLS * (AGAIN + 1);

/** shares no factor with `powerCutScripts`: few consecutive numbers are spread over all, and as many as there are cover them all */
const STRIDE = 7_919n;

/** The script with this number, modulo their count, for four validators. */
export const powerCutsOf = (number: bigint): PowerCuts => {
  let rest = Number((number * STRIDE) % BigInt(powerCutScripts));
  const take = (below: number): number => {
    const digit = rest % below;
    rest = Math.floor(rest / below);
    return digit;
  };
  const [victims = [], first, again] = [VICTIMS[take(VICTIMS.length)], take(CALLS), take(AGAIN + 1)];
  return (endpoint, life) => {
    if (!victims.includes(endpoint)) return undefined;
    // two that are cut together are not cut at the same moment
    if (life === 1) return first + 7 * victims.indexOf(endpoint);
    return life === 2 && again < AGAIN ? again : undefined;
  };
};
