/** What can be read of a ledger outside of the order of requests: now, or as of a checkpoint (PROTOCOL §9). */
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import type { WantedPart } from "../protocol/messages.ts";
import type { Store } from "../storage/port.ts";
import { anchorKeys, decodeAnchor, decodeStoredClaims } from "./anchors.ts";
import type { Anchor } from "./anchors.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { LedgerError } from "./errors.ts";
import { stateKeys } from "./head.ts";
import type { CheckpointRoots } from "./head.ts";
import type { Records } from "./records.ts";
import { createCheckpointView } from "./state/checkpoint-view.ts";
import type { CheckpointView } from "./state/checkpoint-view.ts";
import { digestToRaw, keyToBytes } from "./state/hashing.ts";
import { encodeStateProof } from "./state/proof.ts";
import { rangeItems } from "./state/range.ts";
import type { StateMap } from "./state/state-map.ts";
import { servePart } from "./transfer/source.ts";
import type { ServedPart } from "./transfer/source.ts";

const maxChunkEntries = 256;
const maxChunkBytes = 256 * 1024;

/** An application's entry. */
export interface ApplicationEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** An entry of the whole state, the ledger's own included; `key` is the state key. */
export type SnapshotEntry = ApplicationEntry;

/** A contiguous part of the tree: entries in the order of SHA-256(key), at most 256, and 256 KiB unless one alone is larger. */
export type SnapshotChunk = readonly SnapshotEntry[];

export interface ProvenEntry {
  readonly checkpoint: CheckpointRoots;
  /** absent: the proof is one of absence */
  readonly value?: Uint8Array;
  /** for `verifyStateProof(checkpoint.stateRoot, applicationKey(key), value, proof)` */
  readonly proof: Uint8Array;
}

/** What the ledger says about a shared document as of a checkpoint; absent: nothing yet. */
export interface ProvenAnchor {
  readonly checkpoint: CheckpointRoots;
  readonly anchor?: Anchor;
  readonly proof: Uint8Array;
}

export interface EntryRange {
  /** only keys that start with it; all when absent */
  readonly prefix?: Uint8Array;
  /** only keys beyond it */
  readonly after?: Uint8Array;
  /** as of this checkpoint; as of the last written batch when absent */
  readonly checkpoint?: Sequence;
}

export interface LedgerReader {
  /** checkpoints that can be read, ascending */
  checkpoints(): readonly CheckpointRoots[];
  /**
   * An application's value, after the last executed batch or as of a checkpoint.
   * @throws LedgerError `unknown-checkpoint`; StoreError
   */
  get(key: Uint8Array, checkpoint?: Sequence): Uint8Array | undefined;
  /** @throws LedgerError `unknown-checkpoint`; StoreError */
  prove(key: Uint8Array, checkpoint: Sequence): ProvenEntry;
  /** What the ledger says about a shared document, after the last executed batch. @throws StoreError */
  anchor(name: string): Anchor | undefined;
  /** A validator's claims that anchored nothing yet, digest by document. @throws StoreError */
  claims(validator: PublicKey): ReadonlyMap<string, Digest>;
  /** The anchor as of a checkpoint, for `verifyAnchor`. @throws LedgerError `unknown-checkpoint`; StoreError */
  proveAnchor(name: string, checkpoint: Sequence): ProvenAnchor;
  /**
   * Entries of the application in the order of their keys, read lazily. Read it to its end or leave the loop: it holds a view of the store.
   * @throws LedgerError `unknown-checkpoint` if it is not kept, or not written yet; StoreError
   */
  range(range: EntryRange): AsyncIterable<ApplicationEntry>;
  /**
   * The whole state as of a checkpoint, for `restoreLedger`. Memory: one chunk.
   * @throws LedgerError `unknown-checkpoint`, also when it is released meanwhile; StoreError
   */
  snapshot(checkpoint: Sequence): AsyncIterable<SnapshotChunk>;
  /**
   * The state as of the last batch, or of a checkpoint: every page against the one above it, every entry against its leaf; the top page makes the root.
   * Yields for each entry whether it is right. Reads the whole state; memory: the page cache.
   * @throws LedgerError `unknown-checkpoint`; StoreError `corrupt` when a page is missing or wrong
   */
  check(checkpoint?: Sequence): Generator<boolean>;
  /** Entries of the state as of the last batch, less records of them in the store: some are written with the next checkpoint. @throws StoreError */
  withoutRecord(): number;
  /**
   * A part of the state for a peer, out of any checkpoint that is kept (PROTOCOL §7). At most `limits.maxPartBytes` of entries, or one slot's.
   * @throws StoreError
   */
  part(wanted: WantedPart): ServedPart;
}

interface ReaderParts {
  readonly store: Store;
  readonly records: Records;
  readonly state: StateMap;
  /** gives the state the entries that are not written with their batch */
  readonly settle: () => void;
  readonly checkpoints: Checkpoints;
  readonly written: () => number;
  readonly assertWorking: () => void;
}

const untilNextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const readChunks = async function* (view: CheckpointView, { stateRoot }: CheckpointRoots): AsyncGenerator<SnapshotChunk> {
  let chunk: SnapshotEntry[] = [];
  let bytes = 0;
  for (const { key, value } of view.items(digestToRaw(stateRoot))) {
    const size = key.length + value.length;
    if (chunk.length > 0 && (chunk.length >= maxChunkEntries || bytes + size > maxChunkBytes)) {
      yield chunk;
      await untilNextTurn();
      chunk = [];
      bytes = 0;
    }
    chunk.push({ key: keyToBytes(key), value });
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
};

export const createLedgerReader = ({ store, records, state, settle, checkpoints, written, assertWorking }: ReaderParts): LedgerReader => {
  const viewAt = (checkpoint: number): CheckpointView => {
    checkpoints.find(checkpoint);
    return createCheckpointView(records, checkpoint, () => checkpoints.from(checkpoint));
  };

  const prove = (stateKey: string, checkpoint: Sequence): ProvenEntry => {
    assertWorking();
    const roots = checkpoints.find(checkpoint);
    const view = viewAt(checkpoint);
    const proof = encodeStateProof(view.prove(stateKey));
    const value = view.get(stateKey);
    return { checkpoint: roots, proof, ...(value === undefined ? {} : { value }) };
  };

  return {
    checkpoints: () => checkpoints.list(),
    get: (key, checkpoint) => {
      assertWorking();
      const stateKey = stateKeys.application(key);
      return checkpoint === undefined ? state.get(stateKey) : viewAt(checkpoint).get(stateKey);
    },
    prove: (key, checkpoint) => prove(stateKeys.application(key), checkpoint),
    anchor: (name) => {
      assertWorking();
      const value = state.get(anchorKeys.anchor(name));
      return value === undefined ? undefined : decodeAnchor(value);
    },
    claims: (validator) => {
      assertWorking();
      return decodeStoredClaims(state.get(anchorKeys.claims(validator)));
    },
    proveAnchor: (name, checkpoint) => {
      const { value, ...proven } = prove(anchorKeys.anchor(name), checkpoint);
      const anchor = value === undefined ? undefined : decodeAnchor(value);
      return { ...proven, ...(anchor === undefined ? {} : { anchor }) };
    },
    range: ({ prefix, after, checkpoint }) => {
      assertWorking();
      if (checkpoint !== undefined && checkpoint > written())
        throw new LedgerError("unknown-checkpoint", `checkpoint ${checkpoint} is not written yet`);
      const items = rangeItems(store, records, {
        prefix: stateKeys.application(prefix ?? new Uint8Array(0)),
        ...(after === undefined ? {} : { after: stateKeys.application(after) }),
        ...(checkpoint === undefined ? {} : { checkpoints: checkpoints.from(checkpoint) }),
      });
      return (async function* () {
        for await (const { key, value } of items) yield { key: keyToBytes(key.slice(stateKeys.applicationPrefix.length)), value };
      })();
    },
    check: (checkpoint) => {
      assertWorking();
      if (checkpoint === undefined) settle();
      return checkpoint === undefined ? state.check() : viewAt(checkpoint).check(digestToRaw(checkpoints.find(checkpoint).stateRoot));
    },
    withoutRecord: () => {
      assertWorking();
      settle();
      return state.withoutRecord();
    },
    snapshot: (checkpoint) => {
      assertWorking();
      return readChunks(viewAt(checkpoint), checkpoints.find(checkpoint));
    },
    part: (wanted) => {
      const kept = checkpoints.list().filter(({ sequence }) => sequence <= written());
      return servePart(
        kept.toReversed().map(({ sequence }) => viewAt(sequence)),
        wanted,
      );
    },
  };
};
