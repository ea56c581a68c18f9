/** Reads of the built-in key-value store outside of the order of requests: what this node has, or a stable checkpoint with proof (PROTOCOL §9). */
import { createKvQueries, type KvList } from "../../ledger/kv/queries.ts";
import { LedgerError } from "../../ledger/errors.ts";
import type { Entry } from "../../ledger/kv/entry.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Sequence } from "../../protocol/ids.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import {
  done,
  failed,
  type KvEntry,
  type KvPage,
  type KvRead,
  type ListQuery,
  type Outcome,
  type UnorderedConsistency,
} from "../service.ts";
import { beingFetched, type Certified } from "./state-reads.ts";

export interface KeyValueReads {
  get(key: Uint8Array, consistency: UnorderedConsistency): Outcome<KvRead>;
  list(query: ListQuery): Promise<Outcome<KvPage>>;
}

const toEntry = (key: Uint8Array, { value, version, sequence }: Entry): KvEntry => ({
  key,
  value,
  version,
  sequence: sequence as Sequence,
});

/** checkpoints that one list is begun with, at most: reading takes a moment, in which its own may be let go for a newer one */
const maxAttempts = 4;

const movedOn = failed({
  code: "syncing",
  message: "the checkpoint to certify this list with is not on this node's disk, or no more",
  hint: "ask again",
  retryAfterSeconds: 1,
});

/** The checkpoint, or the whole state, which is being made into another node's. */
const isGone = (error: unknown): boolean =>
  error instanceof LedgerError && (error.code === "unknown-checkpoint" || error.code === "incomplete");

const toEntries = ({ items }: KvList): KvEntry[] => items.map((item) => toEntry(item.key, item));

export const createKeyValueReads = (ledger: Ledger, certified: Certified): KeyValueReads => {
  const queries = createKvQueries(ledger);

  /** As of a stable checkpoint. @throws LedgerError `unknown-checkpoint`, also when it is let go meanwhile */
  const listAt = async (query: Omit<ListQuery, "consistency">, checkpoint: CheckpointCertificate): Promise<KvPage> => {
    const { sequence } = checkpoint;
    const page = await queries.list({ ...query, checkpoint: sequence });
    const entries = toEntries(page).map((entry) => ({ ...entry, path: queries.prove(entry.key, sequence).proof }));
    return { entries, more: page.next !== undefined, asOf: sequence, checkpoint };
  };

  const listCertified = async (query: Omit<ListQuery, "consistency">): Promise<Outcome<KvPage>> => {
    let tried = -1;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      if (ledger.incomplete) return beingFetched;
      const found = certified();
      if (!found.ok) return found;
      if (found.value.sequence === tried) break;
      tried = found.value.sequence;
      try {
        return done(await listAt(query, found.value));
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    return movedOn;
  };

  return {
    get(key, consistency) {
      if (ledger.incomplete) return beingFetched;
      if (consistency === "local") {
        const found = queries.get(key);
        const asOf = ledger.position().sequence;
        return done(found === undefined ? { asOf } : { entry: toEntry(key, found), asOf });
      }
      const found = certified();
      if (!found.ok) return found;
      const checkpoint = found.value;
      const { entry, proof: path } = queries.prove(key, checkpoint.sequence);
      const answer = { asOf: checkpoint.sequence, proof: { checkpoint, path } };
      return done(entry === undefined ? answer : { ...answer, entry: toEntry(key, entry) });
    },
    async list({ consistency, ...query }) {
      if (consistency === "certified") return listCertified(query);
      if (ledger.incomplete) return beingFetched;
      const asOf = ledger.position().sequence;
      const page = await queries.list(query);
      return done({ entries: toEntries(page), more: page.next !== undefined, asOf });
    },
  };
};
