/** Why nothing is committed right now, if it is not: whose votes are missing, since when, what is waited for (`/v1/explain`). Reads only. */
import type { ReplicaSummary } from "../../consensus/describe.ts";
import type { ReplicaIndex } from "../../protocol/ids.ts";
import type { ExplainReport, ExplainedValidator } from "../feeds.ts";
import type { StatusReport, ValidatorReport } from "../service.ts";

export interface ExplainSources {
  readonly summary: ReplicaSummary;
  readonly status: Pick<StatusReport, "blocked" | "quorum" | "syncing" | "peerId" | "memory">;
  readonly validators: readonly ValidatorReport[];
  /** both clocks in milliseconds */
  readonly time: { readonly now: number; readonly wall: number };
}

const listed = (names: readonly string[]): string => (names.length === 0 ? "nobody" : names.join(", "));

const describeValidators = ({ summary, status, validators }: ExplainSources): ExplainedValidator[] =>
  validators.map(({ index, peerId, moniker, reachable, primary }) => {
    const place = index as ReplicaIndex;
    const heard = summary.peers.find((peer) => peer.index === index);
    return {
      index,
      peerId,
      ...(moniker === undefined ? {} : { moniker }),
      self: peerId === status.peerId,
      reachable,
      primary,
      prepared: summary.next.prepares.includes(place),
      committed: summary.next.commits.includes(place),
      wantsView: summary.viewChange.from.includes(place),
      ...(heard?.view === undefined ? {} : { view: heard.view, executed: heard.executed, stable: heard.stable }),
    };
  });

const name = ({ moniker, index }: Pick<ExplainedValidator, "moniker" | "index">): string => `${moniker ?? "validator"} (${index})`;

/** Who is not there, why where this node wants it so, and what this node itself lacks. */
const remarks = ({ summary, status, validators }: ExplainSources): string[] => {
  const told: string[] = [];
  const missing = validators.filter(({ reachable }) => !reachable);
  if (status.quorum.reachable < status.quorum.n) told.push(`out of reach: ${listed(missing.map(name))}`);
  for (const validator of validators)
    if (validator.standing === "isolated")
      told.push(`isolated by this node: ${name(validator)}: ${validator.because ?? validator.standing}`);
  if (summary.passive) told.push("this validator may not vote: its key came back without its data");
  if (summary.transfer !== undefined)
    told.push(`this node is fetching the state of sequence ${summary.transfer.target} from ${summary.transfer.sources.length} others`);
  else if (status.syncing) told.push(`this node is ${summary.behind} sequences behind and catching up`);
  if (status.memory.breaker === "open")
    told.push("this node is short of memory: it votes, and takes no new work until enough is free; ask another node");
  return told;
};

/** A sentence about what stands in the way, with the names of those who are missing. */
const sentences = ({ summary, status, time }: ExplainSources, validators: readonly ExplainedValidator[]): string[] => {
  const named = (which: (validator: ExplainedValidator) => boolean): string => listed(validators.filter(which).map(name));
  const { n, size, reachable } = status.quorum;
  const primary = named((validator) => validator.primary);
  const told: string[] = [];
  const missingVotes = (): void => {
    told.push(`sequence ${summary.next.sequence} is proposed and lacks votes: ${size} must commit`);
    told.push(
      `not prepared: ${named(({ prepared, primary: is }) => !prepared && !is)}; not committed: ${named(({ committed }) => !committed)}`,
    );
  };
  const waited = summary.pool.oldestSince === undefined ? 0 : Math.max(0, time.now - summary.pool.oldestSince) / 1_000;
  switch (status.blocked?.reason) {
    case undefined:
      if (summary.pool.requests === 0) told.push("nothing stands in the way, and nothing waits to be ordered");
      else
        told.push(`${summary.pool.requests} requests are being ordered, the oldest for ${waited.toFixed(1)} s: that is not too long yet`);
      break;
    case "no_quorum":
      told.push(
        reachable < size
          ? `this node reaches ${reachable} of ${n} validators, itself included, and ${size} are needed`
          : `this node reaches ${reachable} of ${n} validators, itself included, but not ${size} of them reach each other`,
      );
      if (summary.next.proposed) missingVotes();
      break;
    case "view_change":
      told.push(`the validators are between views: ${primary}, the primary of view ${summary.viewChange.view}, has not opened it`);
      told.push(
        `asked for it: ${named(({ wantsView }) => wantsView)}; not yet: ${named(({ wantsView }) => !wantsView)}; ${size} are needed`,
      );
      break;
    case "no_proposal":
      told.push(
        `${primary}, the primary of view ${summary.view}, proposes nothing, and the oldest request waits for ${waited.toFixed(1)} s`,
      );
      break;
    case "missing_votes":
      missingVotes();
      break;
    default:
      told.push(`this replica has halted: ${summary.halted?.detail ?? status.blocked?.reason ?? ""}; ask another node, and see its log`);
  }
  return told;
};

export const explain = (sources: ExplainSources): ExplainReport => {
  const { summary, status, time } = sources;
  const validators = describeValidators(sources);
  const { requests, bytes, oldestSince } = summary.pool;
  return {
    committing: status.blocked === undefined,
    summary: [...sentences(sources, validators), ...remarks(sources)],
    ...(status.blocked === undefined ? {} : { blocked: status.blocked }),
    quorum: status.quorum,
    view: { number: summary.view, active: summary.active, demand: summary.demand },
    next: { sequence: summary.next.sequence, proposed: summary.next.proposed },
    pool: {
      requests,
      bytes,
      oldestMilliseconds: oldestSince === undefined ? 0 : Math.max(0, Math.round(time.now - oldestSince)),
      patienceMilliseconds: Math.round(summary.requestTimeoutMs),
    },
    syncing: status.syncing,
    passive: summary.passive,
    validators,
  };
};
