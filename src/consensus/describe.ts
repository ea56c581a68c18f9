/** The replica's state in words and numbers, for status, logs and metrics. Reads only. */
import type { Digest, ReplicaIndex, Sequence, View } from "../protocol/ids.ts";
import type { CheckpointCertificate } from "../protocol/messages.ts";
import type { Halt } from "./config.ts";
import { currentPrimary, windowTop, type State } from "./state.ts";

export interface ReplicaSummary {
  readonly view: View;
  readonly active: boolean;
  readonly demand: View;
  readonly primary: ReplicaIndex;
  readonly committed: Sequence;
  readonly executed: Sequence;
  readonly stable: CheckpointCertificate;
  readonly windowTop: number;
  readonly logHash: Digest;
  readonly quorumReachable: boolean;
  /** how far f+1 peers, or a certificate, are ahead of us */
  readonly behind: number;
  readonly passive: boolean;
  /** the state is fetched from others: nothing of it can be read or executed until that is done; `target` 0 while none is known */
  readonly transfer: { readonly target: number; readonly missing: number; readonly sources: ReplicaIndex[] } | undefined;
  readonly halted: Halt | undefined;
  readonly pool: { readonly requests: number; readonly bytes: number; readonly oldestSince: number | undefined };
  readonly inFlight: number;
  readonly heldBatchBytes: number;
  readonly earlyMessages: number;
  readonly requestTimeoutMs: number;
  /** votes that the next sequence has: who prepared, who committed */
  readonly next: {
    readonly sequence: number;
    readonly proposed: boolean;
    readonly prepares: ReplicaIndex[];
    readonly commits: ReplicaIndex[];
  };
  /** the view that is opened or asked for next, and whose VIEW-CHANGEs for it, or for a later one, are here */
  readonly viewChange: { readonly view: View; readonly from: ReplicaIndex[] };
  /** as the others' last heartbeats said; without them, before the first */
  readonly peers: readonly {
    readonly index: ReplicaIndex;
    readonly view?: View;
    readonly executed?: Sequence;
    readonly stable?: Sequence;
  }[];
}

const viewChangeOf = (state: State): ReplicaSummary["viewChange"] => {
  const view = (state.active ? state.view + 1 : state.view) as View;
  const asked = [...state.viewChanges].filter(([, { message }]) => message.view >= view);
  return { view, from: asked.map(([index]) => index) };
};

/** What f+1 of the others say that they have executed, so that one honest one has: nobody is behind because of a boast. */
const executedByOthers = (state: State): number => {
  const executed: number[] = [];
  for (const { status } of state.peers.values()) if (status !== undefined) executed.push(status.executed);
  return executed.sort((a, b) => b - a)[state.config.committee.f] ?? 0;
};

const transferOf = ({ transfer }: State): ReplicaSummary["transfer"] =>
  transfer && {
    target: transfer.target?.sequence ?? 0,
    missing: transfer.wanted.size,
    sources: [...transfer.sources].filter(([, { ask }]) => ask !== undefined).map(([index]) => index),
  };

const peersOf = (state: State): ReplicaSummary["peers"] =>
  [...state.peers].map(([index, { status }]) =>
    status === undefined ? { index } : { index, view: status.view, executed: status.executed, stable: status.stable },
  );

export const describe = (state: State): ReplicaSummary => {
  const sequence = state.committedUpTo + 1;
  const slot = state.slots.get(sequence as Sequence);
  const ahead = Math.max(state.target?.sequence ?? 0, executedByOthers(state));
  let earlyMessages = 0;
  for (const kept of state.early.values()) earlyMessages += kept.length;
  return {
    view: state.view,
    active: state.active,
    demand: state.demand,
    primary: currentPrimary(state),
    committed: state.committedUpTo,
    executed: state.executed,
    stable: state.stable,
    windowTop: windowTop(state),
    logHash: state.logHash,
    quorumReachable: state.quorumReachable,
    behind: Math.max(0, ahead - state.committedUpTo),
    passive: state.passive !== undefined,
    transfer: transferOf(state),
    halted: state.halted,
    pool: { requests: state.pool.size, bytes: state.pool.bytes, oldestSince: state.pool.oldest()?.since },
    inFlight: Math.max(0, state.acceptedUpTo - state.committedUpTo),
    heldBatchBytes: state.batches.bytes,
    earlyMessages,
    requestTimeoutMs: state.patience.requestTimeout(),
    next: {
      sequence,
      proposed: slot?.proposal !== undefined,
      prepares: [...(slot?.prepares.keys() ?? [])],
      commits: [...(slot?.commits.keys() ?? [])],
    },
    viewChange: viewChangeOf(state),
    peers: peersOf(state),
  };
};

/** Entries in each container that grows with what arrives. */
export interface ReplicaSizes {
  readonly slots: number;
  readonly checkpointVotes: number;
  readonly ownCheckpoints: number;
  readonly executedDigests: number;
  readonly inFlight: number;
  readonly recent: number;
  readonly viewChanges: number;
  readonly early: number;
}

/** Reads only; a few nanoseconds for each validator. */
export const sizesOf = (state: State): ReplicaSizes => {
  let early = 0;
  for (const kept of state.early.values()) early += kept.length;
  return {
    slots: state.slots.size,
    checkpointVotes: state.checkpointVotes.size,
    ownCheckpoints: state.ownCheckpoints.size,
    executedDigests: state.executedDigests.size,
    inFlight: state.inFlight.size,
    recent: state.recent.size,
    viewChanges: state.viewChanges.size,
    early,
  };
};
