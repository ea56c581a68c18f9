/** Entries in the order of their keys, now or as of a checkpoint: the state's records merged with what was kept of them. */
import type { Store, StoreEntry } from "../../storage/port.ts";
import { prefixRange } from "../../storage/keys.ts";
import type { Records } from "../records.ts";
import { toLatin1 } from "../../wire/bytes.ts";
import { decodeStateRecord, modifiedBy, stateRecordKey, undoPrefixBytes, undoRecordKey } from "./layout.ts";
import { readEntry } from "./state-map.ts";
import type { StateItem } from "./checkpoint-view.ts";

export interface ItemRange {
  /** only keys that start with it */
  readonly prefix: string;
  /** only keys beyond it */
  readonly after?: string;
  /** as of a checkpoint: it and the later ones that are kept, ascending; absent: as of the last written batch */
  readonly checkpoints?: readonly number[];
}

interface Source {
  readonly entries: AsyncIterator<StoreEntry>;
  /** bytes before the record's own key */
  readonly skip: number;
  /** the next record, with its own key */
  head: { readonly key: string; readonly record: Uint8Array } | undefined;
}

const advance = async (source: Source): Promise<void> => {
  const next = await source.entries.next();
  source.head = next.done === true ? undefined : { key: toLatin1(next.value.key.subarray(source.skip)), record: next.value.value };
};

/** For each key the record of the first source that has it. */
const mergeSources = async function* (sources: readonly Source[]): AsyncGenerator<{ readonly key: string; readonly record: Uint8Array }> {
  try {
    await Promise.all(sources.map(advance));
    for (;;) {
      let least: Source | undefined;
      for (const source of sources)
        if (source.head !== undefined && (least?.head === undefined || source.head.key < least.head.key)) least = source;
      if (least?.head === undefined) return;
      const { key, record } = least.head;
      yield { key, record };
      for (const source of sources) if (source.head?.key === key) await advance(source);
    }
  } finally {
    for (const source of sources) await source.entries.return?.();
  }
};

/**
 * Shows what is in the store, not what is still on its way to it. As of a checkpoint (which must be written) the range is exact, however long it
 * is read; otherwise an entry that is overwritten meanwhile may show its newer value. It must be read or returned: it holds views of the store.
 * @param records where large values are read
 * @throws StoreError
 */
export const rangeItems = (
  store: Store,
  records: Pick<Records, "get">,
  { prefix, after, checkpoints }: ItemRange,
): AsyncGenerator<StateItem> => {
  const open = (lead: (key: Uint8Array) => Uint8Array, skip: number): Source => {
    const { gte, lt } = prefixRange(lead(stateRecordKey(prefix)));
    const bounds = after === undefined || after < prefix ? { gte } : { gt: lead(stateRecordKey(after)) };
    return { entries: store.range({ ...bounds, ...(lt === undefined ? {} : { lt }) })[Symbol.asyncIterator](), skip, head: undefined };
  };
  // the state first: a batch that is written between two of these views then shows twice, the same, instead of not at all
  const live = open((key) => key, 0);
  const undo = (checkpoints ?? []).map((checkpoint) => open((key) => undoRecordKey(checkpoint, key), undoPrefixBytes));
  const checkpoint = checkpoints?.[0];

  return (async function* () {
    for await (const { key: recordKey, record } of mergeSources([...undo, live])) {
      if (checkpoint !== undefined && modifiedBy(record) > checkpoint) continue;
      const key = recordKey.slice(1);
      const item = readItem(records, key, record, checkpoint === undefined);
      if (item !== undefined) yield item;
    }
  })();
};

/** @param live the entry may have moved on since its record was read: then what it is now counts */
const readItem = (records: Pick<Records, "get">, key: string, record: Uint8Array, live: boolean): StateItem | undefined => {
  const entry = decodeStateRecord(record);
  if (!live || !entry.outside) return { key, value: readEntry(entry, key, records) };
  const present = records.get(stateRecordKey(key));
  return present === undefined ? undefined : { key, value: readEntry(decodeStateRecord(present), key, records) };
};
