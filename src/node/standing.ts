/** Where this node stands, as it tells people: quorum, sides, what blocks it (`/v1/status`, `/readyz`; PROTOCOL §10). Reads only. */
import type { ReplicaSummary } from "../consensus/describe.ts";
import type { Committee } from "../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../protocol/ids.ts";
import type { Connectivity, Failure, ReadyCheck, StatusReport } from "./service.ts";

export interface Standing {
  /** validators reached, itself included */
  readonly reachable: number;
  readonly connectivity: Connectivity;
  /** peer ids, our own side first */
  readonly sides: readonly (readonly PeerName[])[];
  readonly blocked: StatusReport["blocked"];
  readonly syncing: boolean;
  /** why nothing can be ordered through this node now */
  unavailable(): Failure | undefined;
  checks(): readonly ReadyCheck[];
  /** both clocks in milliseconds */
  update(summary: ReplicaSummary, up: readonly ReplicaIndex[], time: { readonly now: number; readonly wall: number }): void;
}

export interface StandingOptions {
  readonly committee: Committee;
  readonly self: ReplicaIndex | undefined;
  readonly checkpointInterval: number;
}

/** What one look at the node saw. */
interface View {
  readonly committee: Committee;
  readonly summary: ReplicaSummary;
  readonly up: ReadonlySet<ReplicaIndex>;
  readonly now: number;
}

const peersOf = ({ committee, up }: Pick<View, "committee" | "up">, isUp: boolean): PeerName[] =>
  committee.validators.filter(({ index }) => up.has(index) === isUp).map(({ peer }) => peer);

const connectivityOf = ({ n, quorum }: Committee, reachable: number): Connectivity => {
  if (reachable === n) return "whole";
  if (reachable >= quorum) return "degraded";
  // what is not reached may be one side or many: only if all of it together could be a quorum is this the minority
  return n - reachable >= quorum ? "minority" : "split";
};

/** Why the network does not commit as seen from here, and whose votes or channels are missing. */
const obstacleIn = (view: View): { readonly reason: string; readonly waitingFor: readonly PeerName[] } | undefined => {
  const { committee, summary, up, now } = view;
  const primary = committee.validators.filter(({ index }) => index === summary.primary).map(({ peer }) => peer);
  if (summary.halted !== undefined) return { reason: summary.halted.reason, waitingFor: [] };
  if (up.size < committee.quorum) return { reason: "no_quorum", waitingFor: peersOf(view, false) };
  if (!summary.active) return { reason: "view_change", waitingFor: primary };
  const { oldestSince } = summary.pool;
  if (oldestSince === undefined || now - oldestSince < summary.requestTimeoutMs) return undefined;
  if (!summary.next.proposed) return { reason: "no_proposal", waitingFor: primary };
  const silent = committee.validators.filter(({ index }) => !summary.next.commits.includes(index));
  return { reason: "missing_votes", waitingFor: silent.map(({ peer }) => peer) };
};

const noQuorum = (committee: Committee, reachable: number): Failure => ({
  code: "no_quorum",
  message: `this node reaches ${reachable} of ${committee.n} validators, and ${committee.quorum} are needed`,
  hint: "local and certified reads go on; try another node, or again when the others are back",
  retryAfterSeconds: 1,
});

const check = (name: string, ok: boolean, reason?: string): ReadyCheck => ({ name, ok, ...(reason === undefined ? {} : { reason }) });

export const createStanding = ({ committee, self, checkpointInterval }: StandingOptions): Standing => {
  let up: ReadonlySet<ReplicaIndex> = new Set(self === undefined ? [] : [self]);
  let summary: ReplicaSummary | undefined;
  let blocked: StatusReport["blocked"];

  const behind = (): number => summary?.behind ?? 0;
  const syncing = (): boolean => behind() > checkpointInterval;
  const halted = (): string | undefined => summary?.halted && `${summary.halted.reason}: ${summary.halted.detail}`;

  return {
    get reachable() {
      return up.size;
    },
    get connectivity() {
      return connectivityOf(committee, up.size);
    },
    get sides() {
      return [true, false].map((isUp) => peersOf({ committee, up }, isUp)).filter((side) => side.length > 0);
    },
    get blocked() {
      return blocked;
    },
    get syncing() {
      return syncing();
    },
    unavailable() {
      const why = halted();
      if (why !== undefined)
        return { code: "internal", message: `this node has halted: ${why}`, hint: "see its log, and ask another node" };
      if (up.size < committee.quorum) return noQuorum(committee, up.size);
      if (!syncing()) return undefined;
      return { code: "syncing", message: `this node is ${behind()} sequences behind and catching up`, retryAfterSeconds: 1 };
    },
    checks: () => [
      check("consensus", halted() === undefined, halted()),
      check("quorum", up.size >= committee.quorum, `${up.size} of ${committee.n} validators reachable, ${committee.quorum} needed`),
      check("sync", !syncing(), behind() === 0 ? "in sync" : `${behind()} sequences behind`),
      check("committing", blocked === undefined, blocked && `${blocked.reason} since ${new Date(blocked.since).toISOString()}`),
    ],
    update(latest, reached, { now, wall }) {
      summary = latest;
      up = new Set(self === undefined ? reached : [self, ...reached]);
      const found = obstacleIn({ committee, summary: latest, up, now });
      blocked = found && { ...found, since: blocked?.reason === found.reason ? blocked.since : wall };
    },
  };
};
