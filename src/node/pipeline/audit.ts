/**
 * Compares the log with the others': a heartbeat whose log hash is not ours leads to the sender's certificates, and two of them for one sequence are
 * the proof that more than f validators cheat (PROTOCOL §4, §10). What a heartbeat says proves nothing, and costs its sender nothing.
 */
import type { Committee } from "../../protocol/committee.ts";
import type { ReplicaIndex, Sequence } from "../../protocol/ids.ts";
import type { CertifiedBatch, CommitCertificate, Status, Verified } from "../../protocol/messages.ts";
import { limits } from "../../protocol/limits.ts";
import type { Network } from "../../network/port.ts";
import { encodeFrame } from "../../wire/frames.ts";
import type { Comparison } from "./comparison.ts";
import type { History } from "../data/history.ts";

export interface Audit {
  status(from: ReplicaIndex, status: Status): void;
  /** Verified blocks of a peer, asked for by anybody. True when they were the answer to a question of the audit's own. */
  take(from: ReplicaIndex, blocks: readonly Verified<CertifiedBatch>[]): boolean;
  /** Our state is another's now, and our log looks like theirs: only the checkpoints of before tell whether it always was. */
  transferred(): void;
}

export interface AuditOptions {
  readonly committee: Committee;
  readonly history: Pick<History, "header">;
  readonly network: Pick<Network, "send">;
  /** blocks that were asked of a peer and did not come yet; the answer takes it out */
  readonly asked: Set<ReplicaIndex>;
  /** where the blocks do not tell it */
  readonly comparison: Pick<Comparison, "ask">;
  readonly checkpointInterval: number;
  /** of this replica */
  readonly position: () => { readonly executed: Sequence; readonly stable: Sequence; readonly halted: boolean };
  /** monotonic milliseconds */
  readonly now: () => number;
  /** both are verified: agreement is broken */
  readonly found: (ours: CommitCertificate, theirs: Verified<CommitCertificate>) => void;
}

/** Blocks asked for at once, the latest first, for logs that went apart differ in almost every later block; twice as many each time. */
const FIRST_CHUNK = 16;
/** how long an answer is waited for */
const ANSWER_MS = 3_000;
/** after a comparison that showed nothing, twice as long each time: whoever says what is not so does not keep us busy */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 300_000;

interface Search {
  readonly peer: ReplicaIndex;
  /** the chunk that is compared now, and how far in it: answers may be cut short */
  low: Sequence;
  next: Sequence;
  high: Sequence;
  readonly bottom: Sequence;
  /** blocks of the next chunk */
  size: number;
  deadline: number;
}

/** One comparison at a time. */
export const createAudit = (options: AuditOptions): Audit => {
  const { committee, history, network, asked, now } = options;
  let current: Search | undefined;
  /** by peer, when it may be asked again; at most one entry for each validator */
  const pauses = new Map<ReplicaIndex, { readonly until: number; readonly pauseMs: number }>();

  /** whose checkpoints were not compared with ours in this life, or since we took over a state */
  const unsure = new Set<ReplicaIndex>();
  const doubtAll = (): void => {
    for (const { index } of committee.validators) unsure.add(index);
  };
  doubtAll();

  const pause = (peer: ReplicaIndex): void => {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * (pauses.get(peer)?.pauseMs ?? FIRST_PAUSE_MS / 2));
    pauses.set(peer, { until: now() + pauseMs, pauseMs });
  };
  const end = ({ peer }: Search): void => {
    pause(peer);
    current = undefined;
  };
  /** The blocks that are left on both sides are the same, or the other side has none that are left here. */
  const endInVain = (search: Search): void => {
    end(search);
    options.comparison.ask(search.peer);
  };

  const ask = (search: Search): void => {
    const peer = committee.validators[search.peer]?.peer;
    if (peer === undefined) return;
    search.deadline = now() + ANSWER_MS;
    asked.add(search.peer);
    network.send(peer, "sync", encodeFrame({ kind: "fetch-blocks", from: search.next, to: search.high }));
  };

  const askBelow = (search: Search, top: number): void => {
    if (top < search.bottom) return endInVain(search);
    search.low = Math.max(search.bottom, top - search.size + 1) as Sequence;
    search.size = Math.min(limits.maxBlocksPerAnswer, 2 * search.size);
    search.next = search.low;
    search.high = top as Sequence;
    ask(search);
  };

  const compare = (block: Verified<CertifiedBatch>): boolean => {
    const theirs = block.certificate as Verified<CommitCertificate>;
    const ours = history.header(theirs.sequence)?.certificate;
    if (ours === undefined || ours.epoch !== theirs.epoch || ours.digest === theirs.digest) return false;
    options.found(ours, theirs);
    return true;
  };

  const goOn = (search: Search, blocks: readonly CertifiedBatch[]): void => {
    const last = blocks.at(-1)?.certificate.sequence;
    if (last === undefined) return endInVain(search);
    if (last >= search.high) return askBelow(search, search.low - 1);
    search.next = (last + 1) as Sequence;
    ask(search);
  };

  const comparePast = (peer: ReplicaIndex): void => {
    pause(peer);
    options.comparison.ask(peer);
  };

  return {
    transferred: doubtAll,
    status(from, { epoch, executed, logHash }) {
      if (unsure.delete(from)) options.comparison.ask(from);
      if (current !== undefined && now() > current.deadline) endInVain(current);
      if (current !== undefined || epoch !== committee.epoch || executed < 1 || now() < (pauses.get(from)?.until ?? 0)) return;
      const { executed: ours, stable, halted } = options.position();
      // one that stands still never gets to where the others are: it compares what it has
      const top = (halted ? Math.min(executed, ours) : executed) as Sequence;
      const own = history.header(top);
      // of what is gone here only the checkpoints tell; what is not there yet is compared by those who have it
      if (own === undefined) return top <= ours ? comparePast(from) : undefined;
      if (top === executed && own.logHash === logHash) return;
      // logs may be equal again since they went apart; one that stands still has the time to look through all of it
      const bottom = halted ? 1 : Math.max(1, Math.min(top, stable) - 4 * options.checkpointInterval);
      current = { peer: from, low: top, next: top, high: top, bottom: bottom as Sequence, size: FIRST_CHUNK, deadline: 0 };
      askBelow(current, top);
    },
    take(from, blocks) {
      const differs = blocks.some(compare);
      const search = current;
      if (search === undefined || search.peer !== from) return false;
      const first = blocks[0]?.certificate.sequence;
      if (first !== undefined && first !== search.next) return false;
      if (differs) end(search);
      else goOn(search, blocks);
      return true;
    },
  };
};
