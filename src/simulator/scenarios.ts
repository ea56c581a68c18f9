/** Kinds of universes, by name. */
import { accountabilityInvariants, demandProofs } from "./accountability.ts";
import { powerCutsOf } from "./boundaries.ts";
import { misleadClocks } from "./clocks.ts";
import { editDocuments } from "./editing.ts";
import type { FaultKind, Plan } from "./plan.ts";
import { breakClientRules } from "./rogues.ts";
import { bendLinks } from "./uneven.ts";
import { forkScript, twinsScript } from "./twins.ts";
import type { UniverseOptions } from "./universe.ts";

export interface Scenario {
  readonly summary: string;
  /** what it asks of the universe of this seed, over what the caller asks for */
  readonly options: (seed: bigint) => Partial<Omit<UniverseOptions, "seed">>;
}

/** A few requests: a script is over after the first views. */
const few = (plan: Plan): Plan => ({ ...plan, safetyUs: 150_000, clients: 1, thinkUs: 30_000 });
/** As many calls as are cut, within a fifth of a second, and back soon. */
const busy = (plan: Plan): Plan => ({ ...plan, safetyUs: 200_000, clients: 2, thinkUs: 8_000, downUs: 50_000 });
/** Nodes stay away for long, some lose their disks, and nobody keeps what they missed. */
const forgetful = (plan: Plan): Plan => ({
  ...plan,
  retain: 1,
  parameters: { ...plan.parameters, checkpointInterval: Math.min(plan.parameters.checkpointInterval, 8) },
  settings: { ...plan.settings, transferTimeoutMs: 1_000 },
  frail: Array.from({ length: plan.n }, (_, index) => index)
    .filter((index) => !plan.liars.includes(index))
    .slice(0, Math.max(0, plan.f - plan.liars.length)),
  faults: ["crash", "isolate-one", "heal", "heal", "power-cut-in-turn", "lost-disk", "stall"],
  faultEveryUs: 1_000_000,
  downUs: 4_000_000,
  safetyUs: 15_000_000,
  thinkUs: 5_000,
  clients: 4,
  keys: 20,
});

/** Long enough for a side without the primary to change its view. */
const undisturbed = (plan: Plan): Plan => ({ ...plan, safetyUs: 5_000_000, clients: 4, thinkUs: 30_000 });

const cuts: readonly FaultKind[] = ["split", "isolate-one", "isolate-primary", "one-way", "ring", "bridge", "swizzle", "flap", "heal"];

export const scenarios = {
  swarm: { summary: "everything is drawn from the seed: size, faults, liars and their rates", options: () => ({}) },
  brief: { summary: "as swarm, at ten times the pace: many seeds in little time", options: () => ({ brief: true }) },
  calm: { summary: "nothing fails and nobody lies", options: () => ({ calm: true, faults: 0 }) },
  crashes: { summary: "everything fails, and nobody lies", options: () => ({ faults: 0 }) },
  liars: { summary: "f validators lie, and nothing else fails", options: () => ({ calm: true }) },
  "real-signatures": { summary: "as swarm, with Ed25519 in place of simulated signatures", options: () => ({ realSignatures: true }) },
  partitions: {
    summary:
      "the network is cut in every shape, one-way and flapping too, while shared documents are edited; nothing else fails and nobody lies",
    options: () => ({ calm: true, faults: 0, documents: true, stage: editDocuments, adjust: (plan) => ({ ...plan, faults: cuts }) }),
  },
  documents: {
    summary: "everything fails while shared documents are edited, and nobody lies",
    options: () => ({ faults: 0, documents: true, stage: editDocuments }),
  },
  rogues: {
    summary: "as brief, with clients that keep none of the rules: numbers twice, far ahead and long past, too many at once, no operations",
    options: () => ({ brief: true, stage: breakClientRules }),
  },
  "power-cuts": {
    summary:
      "the seed numbers at which of their calls one or two of four validators lose their power, and lose it again; nothing else fails",
    options: (seed) => ({ calm: true, brief: true, faults: 0, nodes: 4, powerCuts: powerCutsOf(seed), adjust: busy }),
  },
  uneven: {
    summary: "as brief, on links of which some are a hundred times as slow as others, and liars that hear and say everything first",
    options: () => ({ brief: true, stage: bendLinks }),
  },
  clocks: {
    summary: "as brief, and all wall clocks jump together, by up to a year, ahead and back",
    options: () => ({ brief: true, stage: misleadClocks }),
  },
  twins: {
    summary: "one of four validators runs twice; the seed numbers who hears whom in the first views",
    options: (seed) => ({ calm: true, brief: true, faults: 0, nodes: 4, twins: twinsScript(seed), adjust: few }),
  },
  transfer: {
    summary: "next to no batches are kept: who was away for long, or lost its disk, needs the state itself, also from liars",
    options: (seed) => ({ nodes: 4 + Number(seed % 4n), faults: 1, behaviour: "lie-in-transfer", adjust: forgetful }),
  },
  fork: {
    summary: "f + 1 validators run twice, more than can be borne: must end in a violation that names them",
    options(seed) {
      const twins = forkScript(seed);
      return { calm: true, brief: true, faults: 0, nodes: twins.nodes, twins, adjust: undisturbed };
    },
  },
  accountability: {
    summary: "f + 1 validators run twice and fork the ledger: every honest node has to find out, stop, and hold the proof",
    options(seed) {
      const twins = forkScript(seed);
      const staged = { only: accountabilityInvariants, stage: demandProofs };
      return { calm: true, brief: true, faults: 0, nodes: twins.nodes, twins, adjust: undisturbed, ...staged };
    },
  },
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];
