/** One node's disk: what was written and synced survives; a crash loses the rest, from some write on (PROTOCOL §6). */
import type { Restored } from "../../../src/consensus/config.ts";
import type { DurableRecord } from "../../../src/consensus/effect.ts";
import type { Digest, Sequence, View } from "../../../src/protocol/ids.ts";
import type {
  Batch,
  CertifiedBatch,
  CheckpointCertificate,
  PreparedCertificate,
  Signed,
  SignedNewView,
  ViewChange,
} from "../../../src/protocol/messages.ts";

export interface Roots {
  readonly stateRoot: Digest;
  readonly logHash: Digest;
}

export type DiskRecord =
  | DurableRecord
  | { readonly type: "own-view-change"; readonly signed: Signed<ViewChange> }
  | { readonly type: "own-new-view"; readonly signed: SignedNewView }
  | { readonly type: "block"; readonly block: CertifiedBatch; readonly roots: Roots };

type Accepted = Extract<DurableRecord, { type: "accepted" }>;

export interface Disk {
  apply(record: DiskRecord): void;
  restore(checkpointInterval: number): Restored;
  batch(digest: Digest): Batch | undefined;
  blocks(from: number, to: number, limit: number): readonly CertifiedBatch[];
  roots(sequence: number): Roots;
  /** the digest that is durably accepted for this slot */
  accepted(view: number, sequence: number): Digest | undefined;
  /** the certificate of the highest view that is durable for this sequence */
  prepared(sequence: number): PreparedCertificate | undefined;
  readonly stable: CheckpointCertificate;
  readonly executed: number;
  readonly view: number;
}

/** @param genesis certificate and roots of sequence 0; @param mayVote false for a key that came without its data */
export const createDisk = (genesis: CheckpointCertificate, mayVote: boolean): Disk => {
  const accepted = new Map<string, Accepted>();
  const prepared = new Map<Sequence, PreparedCertificate>();
  const blocks: CertifiedBatch[] = [];
  const roots: Roots[] = [{ stateRoot: genesis.stateRoot, logHash: genesis.logHash }];
  const batches = new Map<Digest, Batch>();
  let stable = genesis;
  let viewChange: Signed<ViewChange> | undefined;
  let newView: SignedNewView | undefined;
  let votes = mayVote;

  const forget = (): void => {
    for (const [key, record] of accepted) if (record.sequence <= stable.sequence) accepted.delete(key);
    for (const sequence of prepared.keys()) if (sequence <= stable.sequence) prepared.delete(sequence);
  };
  const viewOf = (): { view: View; active: boolean } => {
    const entered = newView?.message.view ?? 0;
    const asked = viewChange?.message.view ?? 0;
    return asked > entered ? { view: asked as View, active: false } : { view: entered as View, active: true };
  };

  return {
    apply(record) {
      switch (record.type) {
        case "accepted":
          accepted.set(`${record.view}/${record.sequence}`, record);
          if (record.batch !== undefined) batches.set(record.digest, record.batch);
          return;
        case "prepared":
          if ((prepared.get(record.certificate.sequence)?.view ?? -1) < record.certificate.view) {
            prepared.set(record.certificate.sequence, record.certificate);
          }
          return;
        case "entered-view":
          newView = record.newView;
          return;
        case "own-new-view":
          newView = record.signed;
          return;
        case "own-view-change":
          viewChange = record.signed;
          return;
        case "stable":
          stable = record.certificate;
          return forget();
        case "may-vote":
          votes = true;
          return;
        case "may-not-vote":
          votes = false;
          return;
        case "transferred":
          return;
        case "block":
          blocks.push(record.block);
          roots.push(record.roots);
          batches.set(record.block.batch.digest, record.block.batch);
      }
    },
    restore(checkpointInterval) {
      const executed = blocks.length;
      const { view, active } = viewOf();
      const executedDigests = new Map<Sequence, Digest>();
      for (let sequence = stable.sequence + 1; sequence <= executed; sequence += 1) {
        executedDigests.set(sequence as Sequence, (blocks[sequence - 1] as CertifiedBatch).certificate.digest);
      }
      const checkpoints = [...executedDigests.keys()]
        .filter((sequence) => sequence % checkpointInterval === 0)
        .map((sequence) => ({ sequence, ...(roots[sequence] as Roots) }));
      const withBatch = (sequence: Sequence, digest: Digest): { batch?: Batch } => {
        const batch = sequence <= executed ? undefined : batches.get(digest);
        return batch === undefined ? {} : { batch };
      };
      return {
        epoch: genesis.epoch,
        view,
        active,
        ...(viewChange === undefined ? {} : { viewChange }),
        ...(newView === undefined ? {} : { newView }),
        stable,
        executed: executed as Sequence,
        logHash: (roots[executed] as Roots).logHash,
        timestamp: blocks.reduce((latest, { batch }) => Math.max(latest, batch.timestamp), 0),
        executedDigests,
        executedRequests: blocks.flatMap(({ batch }) => batch.requests.map((request) => request.id)),
        accepted: [...accepted.values()]
          .filter((record) => record.view === view)
          .map(({ view: of, sequence, digest, proposalSignature }) => ({
            view: of,
            sequence,
            digest,
            ...(proposalSignature === undefined ? {} : { proposalSignature }),
            ...withBatch(sequence, digest),
          })),
        prepared: [...prepared.values()].map((certificate) => ({ certificate, ...withBatch(certificate.sequence, certificate.digest) })),
        checkpoints,
        mayVote: votes,
        transferring: false,
      };
    },
    batch: (digest) => batches.get(digest),
    blocks: (from, to, limit) => (from < 1 ? [] : blocks.slice(from - 1, Math.min(to, from - 1 + limit))),
    roots: (sequence) => roots[sequence] as Roots,
    accepted: (view, sequence) => accepted.get(`${view}/${sequence}`)?.digest,
    prepared: (sequence) => prepared.get(sequence as Sequence),
    get stable() {
      return stable;
    },
    get executed() {
      return blocks.length;
    },
    get view() {
      return viewOf().view;
    },
  };
};
