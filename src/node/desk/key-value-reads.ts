/** Reads of the built-in key-value store outside of the order of requests: what this node has, or a stable checkpoint with proof (PROTOCOL §9). */
import { createKvQueries, type KvList } from "../../ledger/kv/queries.ts";
import type { Entry } from "../../ledger/kv/entry.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Sequence } from "../../protocol/ids.ts";
import { done, type KvEntry, type KvPage, type KvRead, type ListQuery, type Outcome, type UnorderedConsistency } from "../service.ts";
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

const toEntries = ({ items }: KvList): KvEntry[] => items.map((item) => toEntry(item.key, item));

export const createKeyValueReads = (ledger: Ledger, certified: Certified): KeyValueReads => {
  const queries = createKvQueries(ledger);

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
      if (ledger.incomplete) return beingFetched;
      if (consistency === "local") {
        const asOf = ledger.position().sequence;
        const page = await queries.list(query);
        return done({ entries: toEntries(page), more: page.next !== undefined, asOf });
      }
      const found = certified();
      if (!found.ok) return found;
      const checkpoint = found.value;
      const { sequence } = checkpoint;
      const page = await queries.list({ ...query, checkpoint: sequence });
      const entries = toEntries(page).map((entry) => ({ ...entry, path: queries.prove(entry.key, sequence).proof }));
      return done({ entries, more: page.next !== undefined, asOf: sequence, checkpoint });
    },
  };
};
