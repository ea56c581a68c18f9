/**
 * What a replica does with what comes in, step by step: contradictions become proof, containers stay within their bounds, patience within its own,
 * views are entered on proof only.
 */
import type { ReplicaSettings } from "../../consensus/config.ts";
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Replica } from "../../consensus/replica.ts";
import { limits, type Parameters } from "../../protocol/limits.ts";
import type { Violate } from "./violation.ts";

/** A replica in one of its lives. */
export interface Living {
  readonly index: number;
  readonly endpoint: number;
  readonly life: number;
}

export interface StepsJudge {
  /** after each step of an honest replica */
  stepped(node: Living, input: Input, effects: readonly Effect[], replica: Replica): void;
  /** some honest node holds a certificate of this checkpoint */
  stable(sequence: number): void;
  /** it came back, active in this view on a NEW-VIEW that its disk kept */
  restored(node: Living, view: number): void;
}

export interface StepsOptions {
  readonly n: number;
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  readonly violate: Violate;
}

interface Life {
  readonly life: number;
  steps: number;
  view: number;
  /** views that it entered on a NEW-VIEW */
  readonly entered: Set<number>;
  /** by `placeOf`, what was taken up first */
  readonly heard: Map<number, Claim>;
}

/** What one sender says at one place; another content in the same view contradicts it. */
interface Claim {
  /** none for a checkpoint */
  readonly view: number | undefined;
  readonly content: string;
}

/** messages of views not entered yet that one sender may have kept for it */
const EARLY_PER_SENDER = 256;
/** names of executed requests that spare slots */
const RECENT = 16_384;
/** steps of one node between two looks at its size */
const LOOK_EVERY = 64;
/** places that are remembered; beyond it the memory begins anew: a contradiction comes soon or not at all */
const MOST_HEARD = 4_096;

type ClaimInput = Extract<Input, { type: "pre-prepare" | "prepare" | "commit" | "checkpoint" }>;
const claimKinds: readonly string[] = ["pre-prepare", "prepare", "commit", "checkpoint"];
const isClaim = (input: Input): input is ClaimInput => claimKinds.includes(input.type);

const claimOf = (input: ClaimInput): Claim => {
  if (input.type !== "checkpoint") return { view: input.signed.message.view, content: input.signed.message.digest };
  const { stateRoot, logHash } = input.signed.message;
  return { view: undefined, content: stateRoot + logHash };
};

/** Kind, sequence and sender in one number: of the views there is only ever the present one to look at. */
const placeOf = ({ type, signed: { message } }: ClaimInput): number =>
  (message.sequence * limits.maxValidators + message.replica) * claimKinds.length + claimKinds.indexOf(type);

/** Most entries for each container, from the protocol's window and the configuration alone. */
const boundsOf = ({ n, parameters, settings }: StepsOptions): Readonly<Record<keyof ReturnType<Replica["sizes"]>, number>> => {
  const window = 2 * parameters.checkpointInterval;
  return {
    slots: window,
    checkpointVotes: 2,
    // and one for each stable checkpoint that it has not heard of yet
    ownCheckpoints: 2,
    executedDigests: window,
    inFlight: Math.min(window * parameters.maxBatchRequests, window * settings.poolRequests),
    recent: RECENT,
    viewChanges: n,
    early: EARLY_PER_SENDER * n,
  };
};

export const createStepsJudge = (options: StepsOptions): StepsJudge => {
  const { n, parameters, settings, violate } = options;
  const lives = new Map<number, Life>();
  const bounds = boundsOf(options);
  let stableUpTo = 0;
  const mostEffects = 16 * parameters.checkpointInterval + 16 * n + 64;
  const mostHeldBytes = settings.heldBatchBytes + 2 * parameters.maxBatchBytes * n + 1024 * 1024;

  const lifeOf = ({ endpoint, life }: Living): Life => {
    const known = lives.get(endpoint);
    if (known?.life === life) return known;
    const born: Life = { life, steps: 0, view: 0, entered: new Set([0]), heard: new Map() };
    lives.set(endpoint, born);
    return born;
  };

  /** What contradicts something taken up before is proof, unless its view or window is over. */
  const judgeClaim = (node: Living, own: Life, input: Input, effects: readonly Effect[], replica: Replica): void => {
    if (!isClaim(input)) return;
    const claim = claimOf(input);
    const { view, active } = replica.status();
    // what is kept for a later view, or concludes one, is judged when it is taken up
    if (claim.view !== undefined && (claim.view !== view || !active)) return;
    // and who halts on words in its own name that it does not know takes nothing up any more
    if (effects.some((effect) => effect.type === "evidence" || effect.type === "reject" || effect.type === "halt")) return;
    const place = placeOf(input);
    const before = own.heard.get(place);
    if (before === undefined || before.view !== claim.view) {
      if (own.heard.size >= MOST_HEARD) own.heard.clear();
      own.heard.set(place, claim);
    } else if (before.content !== claim.content) {
      const { sequence, replica } = input.signed.message;
      const what = `${input.type}s of #${replica} at ${sequence}`;
      violate("detection-completeness", `#${node.index} takes up two different ${what}, and keeps no proof of it`);
    }
  };

  const lookAtSizes = (node: Living, replica: Replica): void => {
    const unheard = Math.max(0, stableUpTo - replica.status().stable) / parameters.checkpointInterval;
    for (const [container, size] of Object.entries(replica.sizes())) {
      const most = bounds[container as keyof typeof bounds] + (container === "ownCheckpoints" ? unheard : 0);
      if (size > most) violate("bounded-state", `#${node.index} keeps ${size} ${container}, and ${most} would do`);
    }
    const { pool, heldBatchBytes, requestTimeoutMs } = replica.describe();
    if (pool.requests > settings.poolRequests) violate("bounded-state", `#${node.index} keeps ${pool.requests} requests`);
    if (pool.bytes > settings.poolBytes) violate("bounded-state", `#${node.index} keeps ${pool.bytes} bytes of requests`);
    if (heldBatchBytes > mostHeldBytes) violate("bounded-state", `#${node.index} holds ${heldBatchBytes} bytes of batches`);
    if (requestTimeoutMs < settings.requestTimeoutFloorMs || requestTimeoutMs > settings.requestTimeoutCeilingMs)
      violate("bounded-patience", `#${node.index} waits ${requestTimeoutMs} ms for a request`);
  };

  const judgeView = (node: Living, own: Life, effects: readonly Effect[], replica: Replica): void => {
    for (const effect of effects) {
      if (effect.type === "save" && effect.record.type === "entered-view") own.entered.add(effect.record.newView.message.view);
      // its own, which is judged when it is said
      else if (effect.type === "announce" && effect.message.kind === "new-view") own.entered.add(effect.message.view);
    }
    const { view, active } = replica.status();
    if (view < own.view) violate("monotone-view", `#${node.index} goes from view ${own.view} to ${view}`);
    if (active && !own.entered.has(view)) violate("view-provenance", `#${node.index} is in view ${view}, and has no NEW-VIEW for it`);
    own.view = view;
  };

  return {
    stepped(node, input, effects, replica) {
      const own = lifeOf(node);
      own.steps += 1;
      if (effects.length > mostEffects) violate("amplification", `#${node.index} answers one ${input.type} with ${effects.length} effects`);
      judgeClaim(node, own, input, effects, replica);
      if (effects.length > 0 || own.steps % LOOK_EVERY === 0) judgeView(node, own, effects, replica);
      if (own.steps % LOOK_EVERY === 0) lookAtSizes(node, replica);
    },
    stable(sequence) {
      stableUpTo = Math.max(stableUpTo, sequence);
    },
    restored: (node, view) => void lifeOf(node).entered.add(view),
  };
};
