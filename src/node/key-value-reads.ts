/** Reads of the built-in key-value store outside of the order of requests: what this node has, or a stable checkpoint with proof (PROTOCOL §9). */
import { decodeEntry } from "../ledger/kv/entry.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { CheckpointCertificate } from "../protocol/messages.ts";
import type { Sequence } from "../protocol/ids.ts";
import {
  done,
  failed,
  type KvEntry,
  type KvPage,
  type KvRead,
  type ListQuery,
  type Outcome,
  type UnorderedConsistency,
} from "./service.ts";

export interface KeyValueReads {
  get(key: Uint8Array, consistency: UnorderedConsistency): Outcome<KvRead>;
  list(query: ListQuery): Promise<Outcome<KvPage>>;
}

const toEntry = (key: Uint8Array, bytes: Uint8Array): KvEntry => {
  const { value, version, sequence } = decodeEntry(bytes);
  return { key, value, version, sequence: sequence as Sequence };
};

const noCheckpoint = failed({
  code: "syncing",
  message: "this node has no stable checkpoint to certify an answer with yet",
  hint: "read with consistency linearizable or local",
  retryAfterSeconds: 1,
});

/** @param stable the certificate of the last stable checkpoint, undefined before the first */
export const createKeyValueReads = (ledger: Ledger, stable: () => CheckpointCertificate | undefined): KeyValueReads => {
  /** The stable checkpoint, if the ledger still holds the state as of it. */
  const certified = (): CheckpointCertificate | undefined => {
    const certificate = stable();
    if (certificate === undefined) return undefined;
    return ledger.checkpoints().some(({ sequence }) => sequence === certificate.sequence) ? certificate : undefined;
  };

  const collect = async (query: ListQuery, checkpoint: CheckpointCertificate | undefined): Promise<Omit<KvPage, "asOf">> => {
    const entries: (KvEntry & { path?: Uint8Array })[] = [];
    let bytes = 0;
    const range = {
      prefix: query.prefix,
      ...(query.after === undefined ? {} : { after: query.after }),
      ...(checkpoint === undefined ? {} : { checkpoint: checkpoint.sequence }),
    };
    for await (const { key, value } of ledger.range(range)) {
      if (entries.length >= query.limit || (entries.length > 0 && bytes + value.length > query.maxBytes)) return { entries, more: true };
      bytes += value.length;
      const entry = toEntry(key, value);
      entries.push(checkpoint === undefined ? entry : { ...entry, path: ledger.prove(key, checkpoint.sequence).proof });
    }
    return { entries, more: false };
  };

  return {
    get(key, consistency) {
      if (consistency === "local") {
        const bytes = ledger.get(key);
        const asOf = ledger.position().sequence;
        return done(bytes === undefined ? { asOf } : { entry: toEntry(key, bytes), asOf });
      }
      const checkpoint = certified();
      if (checkpoint === undefined) return noCheckpoint;
      const { value, proof: path } = ledger.prove(key, checkpoint.sequence);
      const answer = { asOf: checkpoint.sequence, proof: { checkpoint, path } };
      return done(value === undefined ? answer : { ...answer, entry: toEntry(key, value) });
    },
    async list(query) {
      if (query.consistency === "local") {
        const asOf = ledger.position().sequence;
        return done({ ...(await collect(query, undefined)), asOf });
      }
      const checkpoint = certified();
      if (checkpoint === undefined) return noCheckpoint;
      return done({ ...(await collect(query, checkpoint)), asOf: checkpoint.sequence, checkpoint });
    },
  };
};
