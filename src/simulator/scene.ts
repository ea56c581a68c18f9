/** What a universe is made of before anything is in it: keys, members, time, and who counts as honest. */
import { hash } from "node:crypto";
import type { PeerName, PublicKey, ReplicaIndex, Digest } from "../protocol/ids.ts";
import { toEpoch } from "../protocol/ids.ts";
import { createCommittee, type Committee } from "../protocol/committee.ts";
import type { FrameDecoders } from "../wire/frames.ts";
import { createSignBytes, type SignBytes } from "../wire/sign-bytes.ts";
import type { VerificationPool } from "../signing/pool.ts";
import type { Violate, Violation } from "./judges/violation.ts";
import { createSharedDecoders } from "./decoding.ts";
import { type LinksOptions } from "./links.ts";
import { createRealNotary, createTokenNotary, type Notary } from "./notary.ts";
import { type DeathReason, type Disguise, type SimulatedNode } from "./node.ts";
import type { PowerCuts } from "./boundaries.ts";
import type { Plan } from "./plan.ts";
import type { SimulatedProcess } from "./process.ts";
import { createStreams, type Random } from "./random.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import { createTrace, type Trace } from "./trace.ts";
import type { Transcript } from "./transcript.ts";

export interface WorldOptions {
  readonly seed: bigint;
  readonly plan: Plan;
  /** nodes keep shared documents */
  readonly documents?: boolean;
  /** real Ed25519 instead of tokens */
  readonly realSignatures?: boolean;
  /** how frames are read; by default each once for all who get it */
  readonly decoders?: FrameDecoders;
  /** events after which the run ends */
  readonly maxSteps: number;
  /** what a liar does; validators without one are honest */
  readonly disguiseOf?: (validator: number, kit: DisguiseKit) => Disguise | undefined;
  /** validators that run twice; the second copies have the endpoints from n on */
  readonly twins?: readonly number[];
  readonly filter?: LinksOptions["filter"];
  /** where the power of nodes is cut, besides by faults */
  readonly powerCuts?: PowerCuts;
  /** the invariants that count, where the others can not hold; all when absent */
  readonly only?: readonly string[];
  /** which of the faults happen, by their number; all when absent */
  readonly keep?: readonly number[];
  /** where what happens is written down */
  readonly transcript?: Transcript;
}

export interface DisguiseKit {
  readonly committee: Committee;
  readonly notary: Notary;
  readonly signBytes: SignBytes;
  readonly random: Random;
  readonly parameters: Plan["parameters"];
}

const createMembers = (n: number, notary: Notary): Committee =>
  createCommittee(
    toEpoch(0),
    Array.from({ length: n }, (_, index) => ({
      index: index as ReplicaIndex,
      publicKey: notary.key(`validator ${index}`).publicKey as PublicKey,
      peer: `peer-${index}` as PeerName,
      moniker: `node ${index}`,
    })),
  );

/** Verdicts at once, or one job after another with the delays of a worker, not in the order of the calls. */
export const createPools =
  (schedule: Schedule, notary: Notary, random: Random, meanUs: number) =>
  (process: SimulatedProcess): VerificationPool => ({
    verify(checks, _urgency, done) {
      const verdicts = checks.map((check) => notary.isValid(check));
      if (meanUs === 0) done(verdicts);
      else schedule.after(random.exponential(meanUs), () => process.run(() => done(verdicts)));
    },
    close: () => Promise.resolve(),
  });

/** What the parts of a world share while it is built and while it runs. */
export interface Scene {
  readonly options: WorldOptions;
  readonly plan: Plan;
  readonly streams: ReturnType<typeof createStreams>;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly notary: Notary;
  readonly committee: Committee;
  readonly genesisHash: Digest;
  readonly signBytes: SignBytes;
  readonly decoders: FrameDecoders;
  /** the validator of each endpoint */
  readonly owners: readonly number[];
  readonly nodes: SimulatedNode[];
  /** their disks were lost or damaged: no promise of theirs is judged any more */
  readonly harmed: Set<SimulatedNode>;
  readonly gone: Set<SimulatedNode>;
  /** how often nodes died, by reason */
  readonly deaths: Map<DeathReason, number>;
  violation: Violation | undefined;
  promised: boolean;
  steps: number;
}

/** With nothing in it yet. */
export const createScene = (options: WorldOptions): Scene => {
  const { plan, seed } = options;
  const notary = options.realSignatures === true ? createRealNotary(seed) : createTokenNotary(seed);
  const genesisHash = hash("sha256", `byz simulator genesis ${seed}`, "hex") as Digest;
  return {
    options,
    plan,
    streams: createStreams(seed),
    schedule: createSchedule(),
    trace: createTrace(),
    notary,
    committee: createMembers(plan.n, notary),
    genesisHash,
    signBytes: createSignBytes(genesisHash),
    decoders: options.decoders ?? createSharedDecoders(),
    owners: [...Array.from({ length: plan.n }, (_, index) => index), ...(options.twins ?? [])],
    nodes: [],
    harmed: new Set(),
    gone: new Set(),
    deaths: new Map(),
    violation: undefined,
    promised: false,
    steps: 0,
  };
};

export const violateIn =
  (scene: Scene): Violate =>
  (invariant, detail, culprits) => {
    if (scene.options.only?.includes(invariant) === false) return;
    scene.violation ??= { invariant, detail, ...(culprits === undefined ? {} : { culprits }) };
    scene.options.transcript?.note(scene.schedule.now, `${invariant} is broken: ${detail}`);
  };

/** Obeys the protocol, and its deeds are judged. */
export const isJudged = ({ options }: Scene, node: SimulatedNode): boolean => node.honest && !(options.twins ?? []).includes(node.index);

/** Nobody may ever hold anything against it. */
export const isInnocent = (scene: Scene, validator: number): boolean =>
  scene.nodes.every((node) => node.index !== validator || (isJudged(scene, node) && !scene.harmed.has(node)));
