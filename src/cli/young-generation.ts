/**
 * How much memory V8 gives to new objects. Left alone, a busy node's young generation grows to 128 MiB on a large machine, and stays so: memory that
 * makes collections rarer by little and that several nodes on one machine do not have.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

const mayGrow = (may: boolean): void => setFlagsFromString(`--semi-space-growth-factor=${may ? 2 : 1}`);

const size = (): number => getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? 0;

/** From now on the young generation keeps its size: what starting leaves behind is garbage soon, and no measure of what is needed. */
export const holdYoungGeneration = (): void => mayGrow(false);

/** Lets it grow as the load asks for. @param enoughBytes both its halves together; reached by doubling */
export const releaseYoungGeneration = (enoughBytes: number): void => {
  mayGrow(true);
  // it doubles after a collection at most, so looking after each never comes too late
  const observer = new PerformanceObserver(() => {
    if (size() < enoughBytes) return;
    mayGrow(false);
    observer.disconnect();
  });
  observer.observe({ entryTypes: ["gc"] });
};
