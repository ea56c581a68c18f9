/** Times that are promised are of a machine that the network has for itself. */
import { availableParallelism } from "node:os";
import { expect } from "vitest";
import { watchOthers } from "../../../src/cli/validate/machine.ts";
import type { Testnet } from "../../../src/testnet/index.ts";

/** so much longer it may take where other programs took some of the machine, or there is but one core */
const busyFactor = 4;

/** Expects what took so long to have kept within the time stated, judging by what else the machine did from now until then. */
export type Promised = (what: string, tookMs: number, statedMs: number) => void;

export const promised = (testnet: Testnet): Promised => {
  const others = watchOthers(testnet);
  return (what, tookMs, statedMs) => {
    const busy = availableParallelism() < 2 ? ", on a single core" : others();
    expect(tookMs, `${what}: ${Math.round(tookMs)} of ${statedMs} ms${busy}`).toBeLessThan(busy === "" ? statedMs : busyFactor * statedMs);
  };
};
