/**
 * Who owns which keys of the node's one store. Every record's key starts with one byte, its table; numbers inside keys are big-endian and of
 * fixed width, so that the order of bytes is the order of numbers. Nobody reads or writes a table that is not its own.
 *
 * | byte | table | owner | rest of the key | value |
 * | --- | --- | --- | --- | --- |
 * | `A` | accepted proposals | node | sequence u64 ‖ digest[32] | view u64 ‖ the primary's signature, absent on our own |
 * | `B` | batches | node | digest[32] | batch bytes |
 * | `C` | stable checkpoint | node | – | its certificate |
 * | `D` | large values | ledger | sequence u64 ‖ SHA-256(state key)[32] | value bytes |
 * | `E` | evidence | node | id[32] | found at u64, Unix milliseconds ‖ proof |
 * | `F` | forked documents | documents | name (u8 length, ASCII) ‖ author[32] | two operations with one sequence: length u32 ‖ first ‖ second |
 * | `H` | past stable checkpoints | node | sequence u64 | its certificate |
 * | `I` | executed requests | node | request id[32] | sequence u64 ‖ index u32 |
 * | `K` | blocks | node | sequence u64 | log hash[32] ‖ state root[32] ‖ timestamp u64 ‖ commit certificate |
 * | `L` | ledger head | ledger | – | what was executed last |
 * | `M` | meta | node | name | anything small the node keeps about itself |
 * | `N` | names of documents | documents | name | first author[32] ‖ digest of the heads[32] ‖ operations u64 |
 * | `O` | operations | documents | name (u8 length, ASCII) ‖ number u64 | operation, parents first |
 * | `P` | prepared certificates | node | sequence u64 | certificate of the highest view |
 * | `Q` | released checkpoints | ledger | – | the highest one |
 * | `R` | results | node | sequence u64 | encoded answers |
 * | `S` | state | ledger | state key | modified u64 ‖ entry |
 * | `T` | tree pages | ledger | depth u8 ‖ path | modified u64 ‖ page |
 * | `U` | undo | ledger | checkpoint u64 ‖ key of an `S` or `T` record | that record as it was at the checkpoint |
 * | `W` | changes | ledger | sequence u64 | what that batch changed and the tree's pages do not show yet |
 * | `V` | view | node | – | the view entered, or the VIEW-CHANGE sent |
 * | `X` | state transfer | ledger | – | empty: the state is on its way to another one |
 */

/** First byte of every key of a table; see the table above. */
export const tables = {
  accepted: 0x41,
  batches: 0x42,
  stable: 0x43,
  values: 0x44,
  evidence: 0x45,
  forks: 0x46,
  checkpoints: 0x48,
  requests: 0x49,
  blocks: 0x4b,
  ledgerHead: 0x4c,
  meta: 0x4d,
  documents: 0x4e,
  operations: 0x4f,
  prepared: 0x50,
  released: 0x51,
  results: 0x52,
  state: 0x53,
  pages: 0x54,
  undo: 0x55,
  view: 0x56,
  changedKeys: 0x57,
  transfer: 0x58,
} as const;

export type Table = (typeof tables)[keyof typeof tables];

/** One part of a key: an unsigned safe integer (8 bytes, big-endian) or bytes as they are. */
export type KeyPart = number | Uint8Array;

/**
 * Writes an unsigned safe integer as 8 bytes, big-endian.
 * @throws RangeError if `value` is not an unsigned safe integer
 */
export const writeNumber = (target: Uint8Array, value: number, offset: number): void => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned safe integer: ${value}`);
  let high = Math.floor(value / 0x1_0000_0000);
  let low = value >>> 0;
  for (let index = 3; index >= 0; index--) {
    target[offset + index] = high & 0xff;
    target[offset + 4 + index] = low & 0xff;
    high >>>= 8;
    low >>>= 8;
  }
};

/** Reads what `writeNumber` wrote; beyond the safe integers it gives the nearest double. */
export const readNumber = (source: Uint8Array, offset: number): number => {
  let high = 0;
  let low = 0;
  for (let index = 0; index < 4; index++) {
    high = high * 256 + (source[offset + index] ?? 0);
    low = low * 256 + (source[offset + 4 + index] ?? 0);
  }
  return high * 0x1_0000_0000 + low;
};

/**
 * A record's key: the table's byte, then each part.
 * @throws RangeError if a number is not an unsigned safe integer
 */
export const storeKey = (table: Table, ...parts: readonly KeyPart[]): Uint8Array => {
  let length = 1;
  for (const part of parts) length += typeof part === "number" ? 8 : part.length;
  const key = new Uint8Array(length);
  key[0] = table;
  let offset = 1;
  for (const part of parts) {
    if (typeof part === "number") {
      writeNumber(key, part, offset);
      offset += 8;
    } else {
      key.set(part, offset);
      offset += part.length;
    }
  }
  return key;
};

/** The first key after every key that starts with `prefix`; absent when there is none (all bytes are 0xff). */
export const afterPrefix = (prefix: Uint8Array): Uint8Array | undefined => {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0;
    if (byte === 0xff) continue;
    // not `slice`, which of a Buffer is a view
    const after = new Uint8Array(prefix.subarray(0, last + 1));
    after[last] = byte + 1;
    return after;
  }
  return undefined;
};

/** Bounds for `Store.range` that hold exactly the keys which start with `prefix`. */
export const prefixRange = (prefix: Uint8Array): { gte: Uint8Array; lt?: Uint8Array } => {
  const after = afterPrefix(prefix);
  return after === undefined ? { gte: prefix } : { gte: prefix, lt: after };
};
