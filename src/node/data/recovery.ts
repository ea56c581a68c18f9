/** From the store back to a replica that remembers what it promised (PROTOCOL §6). */
import type { AcceptedProposal, OwnCheckpoint, Restored } from "../../consensus/config.ts";
import type { Digest, Epoch, Sequence, View } from "../../protocol/ids.ts";
import { toView } from "../../protocol/ids.ts";
import type { Batch, CheckpointCertificate, PreparedCertificate } from "../../protocol/messages.ts";
import type { Store, StoreEntry } from "../../storage/port.ts";
import { prefixRange } from "../../storage/keys.ts";
import { tables } from "../../storage/keys.ts";
import { decodeCheckpointCertificate, decodePreparedCertificate } from "../../wire/certificates.ts";
import type { History } from "./history.ts";
import { type AcceptedRecord, decodeAccepted, decodeViewRecord, keys, put, RecordError, type ViewRecord } from "./records.ts";

export interface RecoveryOptions {
  readonly store: Store;
  readonly history: History;
  readonly genesisHash: Digest;
  readonly epoch: Epoch;
  /** the certificate of sequence 0 */
  readonly genesis: CheckpointCertificate;
  readonly checkpointInterval: number;
  /** what the ledger recovered */
  readonly executed: { readonly sequence: Sequence; readonly logHash: Digest; readonly timestamp: number; readonly incomplete: boolean };
  /** request names to remember: `RECENT_REQUESTS` of consensus */
  readonly recentRequests: number;
}

export interface Recovered {
  readonly restored: Restored;
  /** for `keeping` */
  readonly accepted: readonly (readonly [Sequence, Digest])[];
  readonly prepared: readonly Sequence[];
  readonly ran: ReadonlyMap<Sequence, Digest>;
  readonly pruned: Sequence;
  readonly gap: Sequence;
}

const all = async <T>(entries: AsyncIterable<StoreEntry>, decode: (entry: StoreEntry) => T): Promise<T[]> => {
  const found: T[] = [];
  for await (const entry of entries) found.push(decode(entry));
  return found;
};

const tableRange = (table: number): ReturnType<typeof prefixRange> => prefixRange(Uint8Array.of(table));

const decoded = <T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: { readonly reason: string } },
  table: string,
): T => {
  if (result.ok) return result.value;
  throw new RecordError(table, result.error.reason);
};

/**
 * @throws RecordError when a record does not say what it should, or belongs to another network
 * @throws StoreError
 */
export const recover = async (options: RecoveryOptions): Promise<Recovered> => {
  const { store, history, executed } = options;
  checkNetwork(store, options.genesisHash);
  const accepted = await all(store.range(tableRange(tables.accepted)), ({ key, value }) => decodeAccepted(key, value));
  const prepared = await all(store.range(tableRange(tables.prepared)), ({ value }) => decoded(decodePreparedCertificate(value), "P"));
  const viewValue = store.get(keys.view);
  const viewRecord = viewValue === undefined ? undefined : decodeViewRecord(viewValue);
  const stableValue = store.get(keys.stable);
  const stable = stableValue === undefined ? options.genesis : decoded(decodeCheckpointCertificate(stableValue), "C");
  const window = 2 * options.checkpointInterval;
  const view = viewOf(viewRecord);
  const active = viewRecord?.active ?? true;
  const restored: Restored = {
    epoch: options.epoch,
    view,
    active,
    ...(viewRecord?.active === false ? { viewChange: viewRecord.viewChange } : {}),
    ...(viewRecord?.active === true ? { newView: viewRecord.newView } : {}),
    stable,
    executed: executed.sequence,
    logHash: executed.logHash,
    timestamp: executed.timestamp,
    executedDigests: digestsAfter(history, executed.sequence - window, executed.sequence, executed.sequence),
    executedRequests: executedRequests(history, executed.sequence, options.recentRequests),
    accepted: accepted.filter((record) => record.view === view).map((record) => withBatch(history, executed.sequence, record)),
    prepared: prepared.map((certificate) => preparedWithBatch(history, executed.sequence, certificate)),
    checkpoints: ownCheckpoints(history, stable.sequence, executed.sequence, options.checkpointInterval),
    mayVote: store.get(keys.meta("voter"))?.[0] === 1,
    transferring: options.executed.incomplete,
  };
  return {
    restored,
    accepted: accepted.map(({ sequence, digest }) => [sequence, digest] as const),
    prepared: prepared.map(({ sequence }) => sequence),
    ran: digestsAfter(history, stable.sequence - window, stable.sequence, executed.sequence),
    pruned: numberAt(store, "pruned"),
    // what was fetched instead of executed has no batch, also when a crash came before that was noted
    gap: executed.sequence > 0 && history.header(executed.sequence) === undefined ? executed.sequence : numberAt(store, "gap"),
  };
};

const numberAt = (store: Store, name: "pruned" | "gap"): Sequence =>
  Number(new TextDecoder().decode(store.get(keys.meta(name)) ?? new Uint8Array()) || 0) as Sequence;

const checkNetwork = (store: Store, genesisHash: Digest): void => {
  const known = store.get(keys.meta("genesis"));
  if (known !== undefined && new TextDecoder().decode(known) !== genesisHash) {
    throw new RecordError(
      "M",
      `the data belongs to another network (genesis ${new TextDecoder().decode(known)}, not ${genesisHash})`,
      true,
    );
  }
};

/** Marks a store as this network's; `mayVote` only for a validator that was born in it, never for one whose data was lost. */
export const found = (store: Store, genesisHash: Digest, mayVote: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const operations = [
      put(keys.meta("genesis"), new TextEncoder().encode(genesisHash)),
      put(keys.meta("voter"), Uint8Array.of(mayVote ? 1 : 0)),
    ];
    store.write(operations, { durable: true }, (error) => (error === undefined ? resolve() : reject(error)));
  });

export const isFounded = (store: Store): boolean => store.get(keys.meta("genesis")) !== undefined;

const viewOf = (record: ViewRecord | undefined): View => {
  if (record === undefined) return toView(0);
  return record.active ? record.newView.message.view : record.viewChange.message.view;
};

/** An executed batch needs no bytes: it is only voted for again by its digest. */
const batchUnlessExecuted = (history: History, executed: Sequence, sequence: Sequence, digest: Digest): Batch | undefined => {
  if (sequence <= executed) return undefined;
  const batch = history.batch(digest);
  if (batch === undefined) throw new RecordError("B", `the batch of sequence ${sequence} is gone`);
  return batch;
};

const withBatch = (history: History, executed: Sequence, record: AcceptedRecord): AcceptedProposal => {
  const { view, sequence, digest, proposalSignature } = record;
  const batch = batchUnlessExecuted(history, executed, sequence, digest);
  return {
    view,
    sequence,
    digest,
    ...(proposalSignature === undefined ? {} : { proposalSignature }),
    ...(batch === undefined ? {} : { batch }),
  };
};

const preparedWithBatch = (
  history: History,
  executed: Sequence,
  certificate: PreparedCertificate,
): { readonly certificate: PreparedCertificate; readonly batch?: Batch } => {
  const batch = batchUnlessExecuted(history, executed, certificate.sequence, certificate.digest);
  return batch === undefined ? { certificate } : { certificate, batch };
};

/** Above `base`; what was transferred instead of executed is missing among them, but at most up to `gap`. */
const digestsAfter = (history: History, base: number, gap: Sequence, executed: Sequence): Map<Sequence, Digest> => {
  const digests = new Map<Sequence, Digest>();
  for (let sequence = Math.max(0, base) + 1; sequence <= executed; sequence += 1) {
    const header = history.header(sequence as Sequence);
    // what ran above the stable checkpoint is there without gaps: a number from a bad record must not be counted up to
    if (header === undefined && sequence > gap) break;
    if (header !== undefined) digests.set(sequence as Sequence, header.certificate.digest);
  }
  return digests;
};

/** Oldest first. */
const executedRequests = (history: History, executed: Sequence, count: number): Digest[] => {
  const newestFirst: Digest[] = [];
  for (let sequence = executed as number; sequence > 0 && newestFirst.length < count; sequence -= 1) {
    const block = history.block(sequence as Sequence);
    if (block === undefined) break;
    newestFirst.push(...block.batch.requests.map(({ id }) => id).reverse());
  }
  return newestFirst.slice(0, count).reverse();
};

const ownCheckpoints = (history: History, stable: Sequence, executed: Sequence, interval: number): OwnCheckpoint[] => {
  const checkpoints: OwnCheckpoint[] = [];
  for (let sequence = Math.floor(stable / interval) * interval + interval; sequence <= executed; sequence += interval) {
    const header = history.header(sequence as Sequence);
    if (header === undefined) break;
    checkpoints.push({ sequence: sequence as Sequence, stateRoot: header.stateRoot, logHash: header.logHash });
  }
  return checkpoints;
};
