/**
 * Wall clocks that are wrong together: what sets them, sets them all, be it the machine below, or the time server that all of them ask. They go ahead by
 * up to a year, and come back to the truth; one by one, or all at once.
 */
import type { Staged } from "./universe.ts";
import type { World } from "./world.ts";

const SECOND_MS = 1_000;
const YEAR_MS = 365 * 86_400 * SECOND_MS;

/** Until the core is healed: from then on clocks are right. */
export const misleadClocks = (world: World): Staged => {
  const { schedule, nodes, plan, streams } = world;
  const random = streams("clocks");
  const spreadUs = random.pick([0, plan.safetyUs / 10]);
  let active = true;
  const lead = (offsetMs: number): void => {
    for (const node of nodes)
      schedule.after(random.between(0, spreadUs), () => {
        if (active) node.clock.wallOffsetMs = offsetMs;
      });
  };
  for (let jumps = 1 + random.int(3); jumps > 0; jumps -= 1) {
    const far = random.pick([SECOND_MS, 2 * plan.parameters.maxClockDriftMs, 3_600 * SECOND_MS, YEAR_MS]);
    schedule.after(random.between(0, plan.safetyUs), () => active && lead(random.between(-far, far)));
  }
  return {
    healed: () => {
      active = false;
    },
  };
};
