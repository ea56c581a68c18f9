/** Where this node stands, as it tells people: quorum, sides, what blocks it (`/v1/status`, `/readyz`; PROTOCOL §10). Reads only. */
import type { ReplicaSummary } from "../../consensus/describe.ts";
import { connectivityOf, type Connectivity as Links } from "../../partition/connectivity.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../../protocol/ids.ts";
import type { ReadyCheck } from "../ready-report.ts";
import type { Connectivity, Failure, StatusReport } from "../service.ts";

export interface Standing {
  /** validators reached in both directions, itself included */
  readonly reachable: number;
  readonly connectivity: Connectivity;
  /** peer ids, our own side first */
  readonly sides: readonly (readonly PeerName[])[];
  readonly brokenLinks: NonNullable<StatusReport["brokenLinks"]>;
  readonly blocked: StatusReport["blocked"];
  readonly syncing: boolean;
  /** why nothing can be ordered through this node now */
  unavailable(): Failure | undefined;
  checks(): readonly ReadyCheck[];
  /** both clocks in milliseconds */
  update(summary: ReplicaSummary, links: Links, time: { readonly now: number; readonly wall: number }): void;
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
  readonly links: Links;
  readonly now: number;
}

const peersOf = ({ validators }: Committee, indexes: readonly ReplicaIndex[]): PeerName[] =>
  validators.filter(({ index }) => indexes.includes(index)).map(({ peer }) => peer);

const canOrder = ({ state }: Links): boolean => state === "whole" || state === "degraded";

/** Those without whom there is no quorum: who is out of reach, or else who of the others does not reach enough. */
const missingIn = ({ committee, links }: View): PeerName[] => {
  const missing = committee.validators.filter(({ index }) => !links.reached.includes(index)).map(({ index }) => index);
  return peersOf(committee, missing.length > 0 ? missing : links.broken.map(({ to }) => to));
};

/** Why the network does not commit as seen from here, and whose votes or channels are missing. */
const obstacleIn = (view: View): { readonly reason: string; readonly waitingFor: readonly PeerName[] } | undefined => {
  const { committee, summary, links, now } = view;
  const primary = committee.validators.filter(({ index }) => index === summary.primary).map(({ peer }) => peer);
  if (summary.halted !== undefined) return { reason: summary.halted.reason, waitingFor: [] };
  if (!canOrder(links)) return { reason: "no_quorum", waitingFor: missingIn(view) };
  if (!summary.active) return { reason: "view_change", waitingFor: primary };
  const { oldestSince } = summary.pool;
  if (oldestSince === undefined || now - oldestSince < summary.requestTimeoutMs) return undefined;
  if (!summary.next.proposed) return { reason: "no_proposal", waitingFor: primary };
  const silent = committee.validators.filter(({ index }) => !summary.next.commits.includes(index));
  return { reason: "missing_votes", waitingFor: silent.map(({ peer }) => peer) };
};

const noQuorum = (committee: Committee, { state, reached }: Links): Failure => ({
  code: "no_quorum",
  message: `this node reaches ${reached.length} of ${committee.n} validators, and ${committee.quorum} that reach each other are needed`,
  hint: "local and certified reads go on; try another node, or again when the others are back",
  retryAfterSeconds: 1,
  details: { connectivity: state },
});

/** Before anything was heard of anybody. */
const alone = ({ n, quorum }: Committee, self: ReplicaIndex | undefined): Links =>
  connectivityOf({ n, quorum, self, hears: new Set(), reports: new Map(), deaf: new Set() });

const check = (name: string, ok: boolean, reason?: string): ReadyCheck => ({ name, ok, ...(reason === undefined ? {} : { reason }) });

export const createStanding = ({ committee, self, checkpointInterval }: StandingOptions): Standing => {
  let links = alone(committee, self);
  let summary: ReplicaSummary | undefined;
  let blocked: StatusReport["blocked"];

  const nameOf = (index: ReplicaIndex): string => committee.validators[index]?.peer ?? "";
  const behind = (): number => summary?.behind ?? 0;
  const syncing = (): boolean => behind() > checkpointInterval || summary?.transfer !== undefined;
  const syncState = (): string => {
    if (summary?.transfer !== undefined) return `fetching the state of sequence ${summary.transfer.target} from the others`;
    return behind() === 0 ? "in sync" : `${behind()} sequences behind`;
  };
  const halted = (): string | undefined => summary?.halted && `${summary.halted.reason}: ${summary.halted.detail}`;

  return {
    get reachable() {
      return links.reached.length;
    },
    get connectivity() {
      return links.state;
    },
    get sides() {
      return links.sides.map((side) => peersOf(committee, side));
    },
    get brokenLinks() {
      return links.broken.map(({ from, to }) => ({ from: nameOf(from), to: nameOf(to) }));
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
      if (!canOrder(links)) return noQuorum(committee, links);
      if (!syncing()) return undefined;
      if (summary?.transfer !== undefined)
        return { code: "syncing", message: "this node is fetching the state from the others", retryAfterSeconds: 1 };
      return { code: "syncing", message: `this node is ${behind()} sequences behind and catching up`, retryAfterSeconds: 1 };
    },
    checks: () => [
      check("consensus", halted() === undefined, halted()),
      check(
        "quorum",
        canOrder(links),
        `${links.state}: ${links.reached.length} of ${committee.n} validators reachable, ${committee.quorum} needed`,
      ),
      check("sync", !syncing(), syncState()),
      check("committing", blocked === undefined, blocked && `${blocked.reason} since ${new Date(blocked.since).toISOString()}`),
    ],
    update(latest, reach, { now, wall }) {
      summary = latest;
      links = reach;
      const found = obstacleIn({ committee, summary: latest, links, now });
      blocked = found && { ...found, since: blocked?.reason === found.reason ? blocked.since : wall };
    },
  };
};
