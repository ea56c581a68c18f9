/** State records used lately, so that what is overwritten again and again, and what was just written, is not read from the store. */

/** in place of a record where there is none */
const absent = new Uint8Array(0);
/** what an entry takes beside its key and its record, bytes, about */
const overhead = 160;

export interface RecordCache {
  /** The record as it was last set, or what `read` gives. */
  get(key: string, read: () => Uint8Array | undefined): Uint8Array | undefined;
  /** @param record absent: there is none under this key any more */
  set(key: string, record: Uint8Array | undefined): void;
  clear(): void;
}

/** @param maxBytes keys and records; what was not used while half of it was filled anew is dropped */
export const createRecordCache = (maxBytes: number): RecordCache => {
  let young = new Map<string, Uint8Array>();
  let old = new Map<string, Uint8Array>();
  let bytes = 0;

  const keep = (key: string, record: Uint8Array): void => {
    young.set(key, record);
    bytes += overhead + key.length + record.length;
    if (bytes <= maxBytes / 2) return;
    old = young;
    young = new Map();
    bytes = 0;
  };
  const find = (key: string): Uint8Array | undefined => {
    const found = young.get(key);
    if (found !== undefined) return found;
    const aged = old.get(key);
    if (aged !== undefined) keep(key, aged);
    return aged;
  };

  return {
    get: (key, read) => {
      const found = find(key);
      if (found !== undefined) return found === absent ? undefined : found;
      const record = read();
      keep(key, record ?? absent);
      return record;
    },
    set: (key, record) => {
      old.delete(key);
      keep(key, record ?? absent);
    },
    clear: () => {
      young = new Map();
      old = new Map();
      bytes = 0;
    },
  };
};
