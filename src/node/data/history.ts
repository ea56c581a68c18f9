/** The node's executed batches on disk: read for peers, users and restarts; pruned behind stable checkpoints. */
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Batch, CertifiedBatch } from "../../protocol/messages.ts";
import { StoreError, type Store, type StoreOperation } from "../../storage/port.ts";
import { decodeBatch, emptyBatch } from "../../wire/requests.ts";
import { type BlockHeader, decodeBlockHeader, decodeRequestPlace, del, keys, RecordError, type RequestPlace } from "./records.ts";

export interface History {
  header(sequence: Sequence): BlockHeader | undefined;
  /** also batches accepted but not executed yet */
  batch(digest: Digest): Batch | undefined;
  block(sequence: Sequence): (BlockHeader & { readonly batch: Batch }) | undefined;
  /** consecutive from `from`, at most `count`, and no more once `maxBytes` of batches are passed */
  certified(from: Sequence, count: number, maxBytes: number): CertifiedBatch[];
  results(sequence: Sequence): Uint8Array | undefined;
  place(request: Digest): RequestPlace | undefined;
  /** what deletes one executed sequence from history, as far as it can be read; throws only when the store is closed */
  forget(sequence: Sequence): StoreOperation[];
}

/** What is damaged can be let go all the same. */
const unlessDamaged = <T>(read: () => T): T | "damaged" => {
  try {
    return read();
  } catch (error) {
    if (error instanceof RecordError || (error instanceof StoreError && error.code === "corrupt")) return "damaged";
    throw error;
  }
};

/** All of it throws RecordError, or the store's own error, when the data is damaged. */
export const createHistory = (store: Pick<Store, "get">): History => {
  const header = (sequence: Sequence): BlockHeader | undefined => {
    const value = store.get(keys.block(sequence));
    return value === undefined ? undefined : decodeBlockHeader(value);
  };
  const batch = (digest: Digest): Batch | undefined => {
    if (digest === emptyBatch.digest) return emptyBatch;
    const value = store.get(keys.batch(digest));
    if (value === undefined) return undefined;
    const decoded = decodeBatch(value);
    if (!decoded.ok || decoded.value.digest !== digest) throw new RecordError("B", decoded.ok ? "wrong digest" : decoded.error.reason);
    return decoded.value;
  };
  const block = (sequence: Sequence): (BlockHeader & { readonly batch: Batch }) | undefined => {
    const found = header(sequence);
    const content = found === undefined ? undefined : batch(found.certificate.digest);
    return found === undefined || content === undefined ? undefined : { ...found, batch: content };
  };
  return {
    header,
    batch,
    block,
    certified(from, count, maxBytes) {
      const found: CertifiedBatch[] = [];
      let bytes = 0;
      for (let sequence = from; found.length < count; sequence = (sequence + 1) as Sequence) {
        const next = block(sequence);
        if (next === undefined || (found.length > 0 && bytes + next.batch.bytes.length > maxBytes)) break;
        bytes += next.batch.bytes.length;
        found.push({ certificate: next.certificate, batch: next.batch });
      }
      return found;
    },
    results: (sequence) => store.get(keys.results(sequence)),
    place(request) {
      const value = store.get(keys.request(request));
      return value === undefined ? undefined : decodeRequestPlace(value);
    },
    forget(sequence) {
      const old = unlessDamaged(() => header(sequence));
      if (old === undefined) return [];
      const operations = [del(keys.block(sequence)), del(keys.results(sequence))];
      if (old === "damaged" || old.certificate.digest === emptyBatch.digest) return operations;
      const { digest } = old.certificate;
      const content = unlessDamaged(() => batch(digest));
      operations.push(del(keys.batch(digest)));
      if (content === undefined || content === "damaged") return operations;
      return [...operations, ...content.requests.map(({ id }) => del(keys.request(id)))];
    },
  };
};
