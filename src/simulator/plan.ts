/** What a universe is like: everything that can be chosen is drawn from its seed, the rates of its faults included. */
import { behaviourNames, type BehaviourName } from "../adversaries/behaviours.ts";
import { defaultSettings, type ReplicaSettings } from "../consensus/config.ts";
import { defaultParameters, type Parameters } from "../protocol/limits.ts";
import { arithmeticOf } from "./judges/arithmetic.ts";
import type { LinkQuality } from "./links.ts";
import type { Random } from "./random.ts";

export const faultKinds = [
  "crash",
  "crash-primary",
  "power-cut-in-turn",
  "crash-all",
  "split",
  "isolate-one",
  "isolate-primary",
  "one-way",
  "ring",
  "bridge",
  "clog",
  "swizzle",
  "flap",
  "lost-kind",
  "slow-node",
  "heal",
  "failing-sync",
  "full-disk",
  "lost-disk",
  "damaged-disk",
  "old-backup",
  "wall-clock",
  "drift",
  "stall",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Plan {
  readonly n: number;
  readonly f: number;
  /** validators that lie */
  readonly liars: readonly number[];
  /** how each of them lies, in the order of `liars` */
  readonly behaviours: readonly (readonly BehaviourName[])[];
  /** validators whose disks may be lost or damaged: they count with the liars */
  readonly frail: readonly number[];
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  readonly quality: LinkQuality;
  readonly heartbeatMs: number;
  readonly answerTimeoutMs: number;
  readonly retain: number;
  /** mean of a durable write, virtual microseconds */
  readonly flushUs: number;
  /** mean of a verification in a worker; 0 checks at once */
  readonly verificationUs: number;
  /** faults that happen, and the mean time between two */
  readonly faults: readonly FaultKind[];
  readonly faultEveryUs: number;
  /** mean time that a dead node stays down */
  readonly downUs: number;
  /** how long anything goes */
  readonly safetyUs: number;
  readonly clients: number;
  /** mean pause of a client between two requests */
  readonly thinkUs: number;
  /** after so long without an answer a client asks another node */
  readonly askAgainUs: number;
  /** how long the healed core is left alone before it is asked for more */
  readonly restUs: number;
  /** time between two looks at what can only be judged from time to time */
  readonly lookEveryUs: number;
  readonly keys: number;
}

export interface PlanWishes {
  readonly nodes?: number;
  /** liars; up to f are drawn when absent */
  readonly faults?: number;
  /** how all liars lie; drawn for each when absent */
  readonly behaviour?: BehaviourName;
  /** no faults of links, disks, clocks and processes */
  readonly calm?: boolean;
  /** the same at a faster pace: faults, clients, windows and patience of a tenth of the time, so that a seed costs little */
  readonly brief?: boolean;
}

const ms = 1_000;
const second = 1_000_000;
const sizes = [4, 4, 4, 4, 4, 5, 6, 7, 7, 10, 1, 2, 3];
/** many small ones: the cost of a sequence grows with the square */
const briefSizes = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 10, 1, 2, 3];

const drawSettings = (random: Random): ReplicaSettings => ({
  ...defaultSettings,
  requestTimeoutFloorMs: random.pick([200, 1_000]),
  requestTimeoutCeilingMs: random.pick([4_000, 30_000]),
  pipelineDepth: random.pick([1, 2, 8]),
  maxBatchDelayMs: random.pick([0, 5, 20]),
  heldBatchBytes: random.pick([0, 1_000, defaultSettings.heldBatchBytes]),
  poolRequests: random.pick([4, 64, defaultSettings.poolRequests]),
});

const drawParameters = (random: Random): Parameters => ({
  ...defaultParameters,
  checkpointInterval: random.pick([4, 8, 16, 32]),
  maxBatchRequests: random.pick([1, 4, 1024]),
  maxSessions: random.pick([16, 1024]),
  sessionWindow: random.pick([4, 128]),
  maxClockDriftMs: random.pick([1_000, 30_000]),
});

const drawQuality = (random: Random, calm: boolean): LinkQuality => ({
  minDelayUs: random.pick([100, 2 * ms, 20 * ms]),
  meanDelayUs: random.pick([100, 2 * ms, 30 * ms]),
  loss: calm ? 0 : random.pick([0, 0, 0.01, 0.1, 0.25]),
  duplicate: calm ? 0 : random.pick([0, 0.05, 0.3]),
  replay: calm ? 0 : random.pick([0, 0.02, 0.2]),
  gossipLoss: calm ? 0 : random.pick([0, 0.1, 0.5, 1]),
  forward: random.pick([0.2, 0.5, 1]),
  inOrder: random.chance(0.5),
  noticeUs: random.pick([10 * ms, 500 * ms, 3 * second]),
});

/** Liars first; what they leave of f may be lost in disks. */
const drawCulprits = (random: Random, n: number, f: number, wishes: PlanWishes): Pick<Plan, "liars" | "behaviours" | "frail"> => {
  const { faults: wish, behaviour, calm = false } = wishes;
  const everybody = Array.from({ length: n }, (_, index) => index);
  // primaries of the first views can do most
  const order = random.chance(0.5) ? random.shuffled(everybody) : everybody;
  const count = wish ?? (calm ? 0 : random.chance(0.5) ? f : random.int(f + 1));
  const liars = order.slice(0, Math.min(count, n));
  const left = calm ? 0 : Math.max(0, f - liars.length);
  const drawn = liars.map(() => Array.from({ length: random.chance(0.7) ? 1 : 2 }, () => random.pick(behaviourNames)));
  const named = behaviour === undefined ? drawn : liars.map(() => [behaviour]);
  return { liars, behaviours: named, frail: order.slice(liars.length, liars.length + (random.chance(0.7) ? left : random.int(left + 1))) };
};

/** What takes ten seconds otherwise, in half a one: the windows are as many, and as much goes wrong in each. */
const hurried = (random: Random, plan: Plan): Plan => ({
  ...plan,
  parameters: { ...plan.parameters, checkpointInterval: random.pick([2, 4, 8]) },
  settings: {
    ...plan.settings,
    requestTimeoutFloorMs: random.pick([50, 200]),
    requestTimeoutCeilingMs: random.pick([400, 2_000]),
    unreachableGraceMs: 100,
    repeatMs: random.pick([50, 150]),
    catchUpDelayMs: 50,
    fetchTimeoutMs: 200,
  },
  quality: {
    ...plan.quality,
    minDelayUs: Math.min(plan.quality.minDelayUs, 2 * ms),
    meanDelayUs: Math.min(plan.quality.meanDelayUs, 5 * ms),
    noticeUs: Math.min(plan.quality.noticeUs, 100 * ms),
  },
  flushUs: Math.min(plan.flushUs, 5 * ms),
  verificationUs: Math.min(plan.verificationUs, 1 * ms),
  faultEveryUs: random.pick([5 * ms, 20 * ms, 80 * ms]),
  downUs: random.pick([20 * ms, 100 * ms, 300 * ms]),
  // what a sequence costs grows with the square
  safetyUs: random.between(50 * ms, 400 * ms) * Math.min(1, 4 / plan.n),
  clients: 1 + random.int(3),
  thinkUs: random.pick([5 * ms, 20 * ms, 60 * ms]) * Math.max(1, plan.n / 4),
  askAgainUs: 200 * ms,
  restUs: 100 * ms,
  lookEveryUs: 20 * ms,
});

/** Liars who do the same divide the others along the same line. */
const ganged = (plan: Plan): Plan => ({ ...plan, behaviours: plan.behaviours.map(() => plan.behaviours[0] ?? []) });

/** One seed's plan; the same stream and wishes give the same. */
export const drawPlan = (random: Random, wishes: PlanWishes = {}): Plan => {
  const calm = wishes.calm === true;
  const drawn = random.pick(wishes.brief === true ? briefSizes : sizes);
  const n = wishes.nodes ?? drawn;
  const { f } = arithmeticOf(n);
  // each kind of fault is left out half of the time: universes differ in kind, not only in degree
  const faults = faultKinds.filter(() => random.chance(0.5));
  const faultEveryUs = random.pick([100 * ms, 400 * ms, 1_500 * ms, 5 * second]);
  const plan: Plan = {
    n,
    f,
    ...drawCulprits(random, n, f, wishes),
    parameters: drawParameters(random),
    settings: drawSettings(random),
    quality: drawQuality(random, calm),
    heartbeatMs: random.pick([200, 1_000]),
    answerTimeoutMs: random.pick([2_000, 10_000]),
    retain: random.pick([0, 1, 16, 256]),
    flushUs: random.pick([50, 1 * ms, 15 * ms]),
    verificationUs: random.pick([0, 0, 200, 5 * ms]),
    faults: calm ? [] : faults,
    faultEveryUs,
    downUs: random.pick([200 * ms, 2 * second, 8 * second]),
    safetyUs: random.between(3 * second, 15 * second),
    clients: 1 + random.int(5),
    thinkUs: random.pick([5 * ms, 50 * ms, 400 * ms]),
    askAgainUs: 2 * second,
    restUs: 2 * second,
    lookEveryUs: 100 * ms,
    keys: random.pick([1, 4, 20]),
  };
  const paced = wishes.brief === true ? hurried(random, plan) : plan;
  return random.chance(0.3) ? ganged(paced) : paced;
};
