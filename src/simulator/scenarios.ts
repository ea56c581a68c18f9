/** Kinds of universes, by name. */
import type { UniverseOptions } from "./universe.ts";

export interface Scenario {
  readonly summary: string;
  readonly options: Omit<UniverseOptions, "seed">;
}

export const scenarios = {
  swarm: { summary: "everything is drawn from the seed: size, faults and their rates", options: {} },
  calm: { summary: "nothing fails and nobody lies", options: { calm: true, faults: 0 } },
  crashes: { summary: "everything fails, and nobody lies", options: { faults: 0 } },
  "real-signatures": { summary: "as swarm, with Ed25519 in place of simulated signatures", options: { realSignatures: true } },
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];
