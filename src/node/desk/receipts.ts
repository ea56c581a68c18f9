/**
 * RECEIPTs on demand (PROTOCOL §3.6): this validator's own, and f+1 of different validators for a client that wants proof. Nothing here runs unless
 * somebody asks.
 */
import type { Committee } from "../../protocol/committee.ts";
import type { ReplicaIndex, Sequence } from "../../protocol/ids.ts";
import type { ExecutionRoots, Receipt, VoteSignature } from "../../protocol/messages.ts";
import type { Network } from "../../network/port.ts";
import type { Trust } from "../../signing/plans.ts";
import { verifyReceipt } from "../../signing/receipts.ts";
import type { Signer } from "../../signing/signer.ts";
import { encodeFrame } from "../../wire/frames.ts";
import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Executions } from "./executions.ts";

export interface Receipts {
  /** This validator's own; undefined on an observer, and for what is not executed here yet or no longer kept. `costBytes`: of the answers that were read and hashed for it. */
  serve(sequence: Sequence): { readonly receipt: Receipt | undefined; readonly costBytes: number };
  /** a peer's answer */
  arrived(from: ReplicaIndex, receipt: Receipt): void;
  /**
   * Resolves to f+1 signatures under these roots, this validator's own among them, ascending; or to as many as came in 2 s. Never rejects.
   *
   * @param roots of what was executed here
   */
  collect(roots: ExecutionRoots): Promise<readonly VoteSignature[]>;
}

export interface ReceiptsOptions {
  readonly committee: Committee;
  /** absent on an observer, as is `signer` */
  readonly self?: ReplicaIndex;
  readonly signer?: Pick<Signer, "signReceipt">;
  readonly trust: Trust;
  readonly executions: Executions;
  readonly network: Pick<Network, "send" | "isUp" | "blame">;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly counters: Counters;
}

interface Collection {
  readonly roots: ExecutionRoots;
  readonly signatures: Map<ReplicaIndex, VoteSignature>;
  readonly waiting: ((signatures: readonly VoteSignature[]) => void)[];
  readonly deadline: number;
  /** until the peers are asked again */
  pauseMs: number;
  cancel: () => void;
}

/** how long receipts are waited for: less than a client waits for an answer, milliseconds */
const PATIENCE_MS = 2_000;
/** a peer that executes a moment later than this node is asked again after this, then twice as long each time, milliseconds */
const FIRST_PAUSE_MS = 15;
/** what a receipt of a sequence that nobody asked for lately costs, beside its answers: at 16 MiB/s for each peer at most 1,000 a second */
const FRESH_BYTES = 16 * 1024;
/** sequences collected at once; beyond it an answer goes out with what is there: this node's own receipt */
const MAX_COLLECTIONS = 256;
/** complete collections that are remembered; the oldest goes first */
const MAX_COMPLETE = 256;

const ascending = (signatures: ReadonlyMap<ReplicaIndex, VoteSignature>): VoteSignature[] =>
  [...signatures.values()].toSorted((a, b) => a.replica - b.replica);

const sameRoots = (a: ExecutionRoots, b: ExecutionRoots): boolean =>
  a.epoch === b.epoch &&
  a.requests === b.requests &&
  a.resultsRoot === b.resultsRoot &&
  a.stateRoot === b.stateRoot &&
  a.logHash === b.logHash;

export const createReceipts = (options: ReceiptsOptions): Receipts => {
  const { committee, self, signer, executions, network, clock, counters } = options;
  const enough = committee.f + 1;
  const collections = new Map<Sequence, Collection>();
  const complete = new Map<Sequence, readonly VoteSignature[]>();
  /** the others, beginning after this node, so that not everybody asks the same few */
  const others = committee.validators.map((_, turn) => ((self ?? 0) + 1 + turn) % committee.n).filter((index) => index !== self);

  const own = (sequence: Sequence): Receipt | undefined => {
    const roots = signer === undefined ? undefined : executions.of(sequence)?.roots;
    return roots === undefined || self === undefined ? undefined : signer?.signReceipt(roots, self);
  };

  const finish = (collection: Collection): void => {
    const { sequence } = collection.roots;
    collection.cancel();
    collections.delete(sequence);
    const signatures = ascending(collection.signatures);
    if (signatures.length < enough) counters.count("receipts.incomplete");
    else complete.set(sequence, signatures);
    for (const oldest of complete.keys()) {
      if (complete.size <= MAX_COMPLETE) break;
      complete.delete(oldest);
    }
    for (const settle of collection.waiting) settle(signatures);
  };

  /** First as many as are needed and one to spare; then everybody who did not answer. */
  const ask = (collection: Collection, first: boolean): void => {
    const frame = encodeFrame({ kind: "fetch-receipt", sequence: collection.roots.sequence });
    let asked = 0;
    for (const index of others) {
      if (first && asked > enough - collection.signatures.size) break;
      const peer = committee.validators[index]?.peer;
      if (peer === undefined || collection.signatures.has(index as ReplicaIndex) || !network.isUp(peer)) continue;
      if (network.send(peer, "sync", frame)) asked += 1;
    }
    const pause = Math.min(collection.pauseMs, collection.deadline - clock.now());
    collection.pauseMs *= 2;
    collection.cancel = clock.after(Math.max(0, pause), () =>
      clock.now() >= collection.deadline ? finish(collection) : ask(collection, false),
    );
  };

  const begin = (roots: ExecutionRoots): Collection => {
    const mine = self === undefined ? undefined : signer?.signReceipt(roots, self);
    const signatures = new Map<ReplicaIndex, VoteSignature>();
    if (mine !== undefined) signatures.set(mine.replica, { replica: mine.replica, signature: mine.signature });
    const deadline = clock.now() + PATIENCE_MS;
    return { roots, signatures, waiting: [], deadline, pauseMs: FIRST_PAUSE_MS, cancel: () => undefined };
  };

  return {
    serve(sequence) {
      const fresh = !executions.has(sequence);
      const receipt = own(sequence);
      return { receipt, costBytes: fresh && receipt !== undefined ? FRESH_BYTES + 2 * (executions.of(sequence)?.bytes ?? 0) : 0 };
    },
    arrived(from, receipt) {
      const collection = collections.get(receipt.sequence);
      if (collection === undefined || receipt.replica !== from || collection.signatures.has(from)) {
        return counters.count("dropped.unrequested");
      }
      if (!sameRoots(receipt, collection.roots)) return counters.count("receipts.other-roots");
      const bad = verifyReceipt(options.trust, receipt);
      if (bad !== undefined) {
        counters.count(`refused.${bad.reason}`);
        const peer = committee.validators[from]?.peer;
        return peer === undefined ? undefined : network.blame(peer, `a receipt with ${bad.reason}`);
      }
      collection.signatures.set(from, { replica: from, signature: receipt.signature });
      if (collection.signatures.size >= enough) finish(collection);
    },
    collect: (roots) =>
      new Promise((resolve) => {
        const known = complete.get(roots.sequence);
        if (known !== undefined) return resolve(known);
        const running = collections.get(roots.sequence);
        if (running !== undefined) return void running.waiting.push(resolve);
        const collection = begin(roots);
        collection.waiting.push(resolve);
        if (collection.signatures.size >= enough || collections.size >= MAX_COLLECTIONS) return finish(collection);
        collections.set(roots.sequence, collection);
        ask(collection, true);
      }),
  };
};
