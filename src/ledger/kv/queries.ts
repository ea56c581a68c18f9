/** Reads of the key-value store outside of the order of requests: now, or as of a checkpoint with proofs (PROTOCOL §9). */
import type { Digest, Sequence } from "../../protocol/ids.ts";
import { applicationKey } from "../head.ts";
import type { CheckpointRoots } from "../head.ts";
import type { LedgerReader } from "../reader.ts";
import { verifyStateProof } from "../state/proof.ts";
import { decodeEntry, encodeEntry } from "./entry.ts";
import type { Entry } from "./entry.ts";

/** items of a list when no limit is given, and at most */
export const defaultListLimit = 100;
export const maxListLimit = 1000;
/** keys and values of one list, bytes; the first item is given whatever its size */
export const maxListBytes = 4 * 1024 * 1024;

export interface KvItem extends Entry {
  readonly key: Uint8Array;
}

export interface ListOptions {
  readonly prefix?: Uint8Array;
  /** only keys beyond it */
  readonly after?: Uint8Array;
  /** 1…1,000 items; 100 when absent; what lies outside is brought to the nearest bound */
  readonly limit?: number;
  /** keys and values of the answer, at most `maxListBytes`, which is the default */
  readonly maxBytes?: number;
  /** as of this checkpoint; as of the last written batch when absent */
  readonly checkpoint?: Sequence;
}

export interface KvList {
  /** in the order of the keys' bytes */
  readonly items: readonly KvItem[];
  /** there is more beyond this key, the last one given */
  readonly next?: Uint8Array;
}

/** An entry, or its absence, with its proof against a checkpoint. */
export interface ProvenKvEntry {
  readonly checkpoint: CheckpointRoots;
  readonly entry?: Entry;
  readonly proof: Uint8Array;
}

export interface KvQueries {
  /** After the last executed batch, or as of a checkpoint. @throws LedgerError `unknown-checkpoint`; StoreError */
  get(key: Uint8Array, checkpoint?: Sequence): Entry | undefined;
  /** @throws LedgerError `unknown-checkpoint`; StoreError */
  prove(key: Uint8Array, checkpoint: Sequence): ProvenKvEntry;
  /** Bounded by count and bytes. Rejects with LedgerError `unknown-checkpoint`; StoreError */
  list(options: ListOptions): Promise<KvList>;
}

export const createKvQueries = (ledger: LedgerReader): KvQueries => ({
  get: (key, checkpoint) => {
    const bytes = ledger.get(key, checkpoint);
    return bytes === undefined ? undefined : decodeEntry(bytes);
  },
  prove: (key, checkpoint) => {
    const { value, ...proven } = ledger.prove(key, checkpoint);
    return { checkpoint: proven.checkpoint, proof: proven.proof, ...(value === undefined ? {} : { entry: decodeEntry(value) }) };
  },
  list: async ({ limit, maxBytes, ...range }) => {
    const most = Math.min(Math.max(Math.trunc(limit ?? defaultListLimit), 1), maxListLimit);
    const mostBytes = Math.min(maxBytes ?? maxListBytes, maxListBytes);
    const items: KvItem[] = [];
    let bytes = 0;
    for await (const { key, value } of ledger.range(range)) {
      bytes += key.length + value.length;
      const last = items.at(-1);
      if (last !== undefined && (items.length >= most || bytes > mostBytes)) return { items, next: last.key };
      items.push({ key, ...decodeEntry(value) });
    }
    return { items };
  },
});

/**
 * Whether the state with `root` holds exactly this entry under `key` (`undefined`: none). Needs nothing else; never throws.
 * @param proof from `KvQueries.prove`
 */
export const verifyKvProof = (root: Digest, key: Uint8Array, entry: Entry | undefined, proof: Uint8Array): boolean => {
  if (
    entry !== undefined &&
    !(Number.isSafeInteger(entry.version) && entry.version > 0 && Number.isSafeInteger(entry.sequence) && entry.sequence >= 0)
  )
    return false;
  const value = entry === undefined ? undefined : encodeEntry(entry.version, entry.sequence, entry.value);
  return verifyStateProof(root, applicationKey(key), value, proof);
};
