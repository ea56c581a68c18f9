/**
 * Links that differ: each direction of each has a delay of its own, and some take a hundred times as long as others, so that what one node hears first
 * another hears last, again and again. After a while the order is another one; few such changes find most that depends on an order (Burckhardt et al.,
 * "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010). Half of the time liars rush: they hear and say everything at once.
 */
import type { Staged } from "./universe.ts";
import type { World } from "./world.ts";

/** times at which all links get other delays, at most */
const CHANGES = 4;
/** of the longest delay */
const SHARES = [0, 0, 0.01, 0.1, 1];

/** From the first moment until the core is healed. */
export const bendLinks = (world: World): Staged => {
  const { schedule, links, nodes, plan, streams } = world;
  const random = streams("uneven");
  // longer than a request may take makes views end; much shorter than a heartbeat changes little
  const longestUs = random.pick([5_000, 30_000, 1_500 * plan.settings.requestTimeoutFloorMs]);
  const liarsRush = random.chance(0.5);
  let active = true;
  const setAll = (lagOf: (from: number, to: number) => number): void => {
    for (const { endpoint: from } of nodes) for (const { endpoint: to } of nodes) links.lag(from, to, lagOf(from, to));
  };
  const rushes = (endpoint: number): boolean => liarsRush && plan.liars.includes(endpoint);
  const bend = (): void => {
    if (active) setAll((from, to) => (rushes(from) || rushes(to) ? 0 : random.pick(SHARES) * longestUs));
  };
  bend();
  for (let change = random.int(CHANGES + 1); change > 0; change -= 1) schedule.after(random.between(0, plan.safetyUs), bend);
  return {
    healed: () => {
      active = false;
      setAll(() => 0);
    },
  };
};
