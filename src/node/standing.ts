/** Where this node stands, as it tells people: role, quorum, sides, what blocks it (INTERFACE: `/v1/status`, `/readyz`). Reads only. */
import type { ReplicaSummary } from "../consensus/describe.ts";
import type { Committee } from "../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../protocol/ids.ts";
import type { Connectivity, Failure, ReadyCheck, StatusReport } from "./service.ts";

export interface Standing {
  /** this node's knowledge, refreshed by `update` */
  readonly connectivity: Connectivity;
  readonly sides: readonly (readonly string[])[];
  /** validators reached, itself included */
  readonly reachable: number;
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

export const createStanding = ({ committee, self, checkpointInterval }: StandingOptions): Standing => {
  let reached: ReadonlySet<ReplicaIndex> = new Set();
  let blocked: StatusReport["blocked"];
  let summary: ReplicaSummary | undefined;

  const isUp = (index: ReplicaIndex): boolean => index === self || reached.has(index);
  const peersWhere = (test: (index: ReplicaIndex) => boolean): PeerName[] =>
    committee.validators.filter(({ index }) => test(index)).map(({ peer }) => peer);
  const reachable = (): number => committee.validators.filter(({ index }) => isUp(index)).length;
  const hasQuorum = (): boolean => reachable() >= committee.quorum;

  const connectivity = (): Connectivity => {
    const mine = reachable();
    if (mine === committee.n) return "whole";
    if (mine >= committee.quorum) return "degraded";
    // what is not reached may be one side or many: only if all of it together could be a quorum is this the minority
    return committee.n - mine >= committee.quorum ? "minority" : "split";
  };

  /** Why the network does not commit as seen from here, and whose votes or channels are missing. */
  const obstacle = (now: ReplicaSummary, nowMs: number): { reason: string; waitingFor: string[] } | undefined => {
    if (now.halted !== undefined) return { reason: now.halted.reason, waitingFor: [] };
    if (!hasQuorum()) return { reason: "no_quorum", waitingFor: peersWhere((index) => !isUp(index)) };
    if (!now.active) return { reason: "view_change", waitingFor: peersWhere((index) => index === now.primary) };
    const oldest = now.pool.oldestSince;
    if (oldest === undefined || nowMs - oldest < now.requestTimeoutMs) return undefined;
    if (!now.next.proposed) return { reason: "no_proposal", waitingFor: peersWhere((index) => index === now.primary) };
    const votes = new Set<ReplicaIndex>(now.next.commits);
    return { reason: "missing_votes", waitingFor: peersWhere((index) => !votes.has(index)) };
  };

  const syncing = (): boolean => summary !== undefined && summary.behind > checkpointInterval;

  return {
    get connectivity() {
      return connectivity();
    },
    get sides() {
      const others = peersWhere((index) => !isUp(index));
      return others.length === 0 ? [peersWhere(isUp)] : [peersWhere(isUp), others];
    },
    get reachable() {
      return reachable();
    },
    get blocked() {
      return blocked;
    },
    get syncing() {
      return syncing();
    },
    unavailable() {
      if (summary?.halted !== undefined) {
        return { code: "internal", message: `this node has halted: ${summary.halted.reason}`, hint: "see its log, and ask another node" };
      }
      if (!hasQuorum()) {
        return {
          code: "no_quorum",
          message: `this node reaches ${reachable()} of ${committee.n} validators, and ${committee.quorum} are needed`,
          hint: "local and certified reads go on; try another node, or again when the others are back",
          retryAfterSeconds: 1,
        };
      }
      if (!syncing()) return undefined;
      return { code: "syncing", message: `this node is ${summary?.behind ?? 0} sequences behind and catching up`, retryAfterSeconds: 1 };
    },
    checks() {
      const quorum = `${reachable()} of ${committee.n} validators reachable, ${committee.quorum} needed`;
      const behind = summary?.behind ?? 0;
      const halted = summary?.halted;
      return [
        { name: "storage", ok: halted?.reason !== "state-diverged", ...(halted === undefined ? {} : { reason: halted.detail }) },
        { name: "consensus", ok: halted === undefined, ...(halted === undefined ? {} : { reason: `${halted.reason}: ${halted.detail}` }) },
        { name: "quorum", ok: hasQuorum(), reason: quorum },
        { name: "sync", ok: !syncing(), reason: behind === 0 ? "in sync" : `${behind} sequences behind` },
        {
          name: "committing",
          ok: blocked === undefined,
          ...(blocked === undefined ? {} : { reason: `${blocked.reason} since ${new Date(blocked.since).toISOString()}` }),
        },
      ];
    },
    update(latest, up, { now, wall }) {
      summary = latest;
      reached = new Set(up);
      const found = obstacle(latest, now);
      if (found === undefined) blocked = undefined;
      else blocked = { ...found, since: blocked?.reason === found.reason ? blocked.since : wall };
    },
  };
};
