/**
 * The store as the rest of the node sees it: ordered bytes, atomic writes, synchronous point reads.
 *
 * Reads are synchronous because execution is (`step` and `apply` never wait); writes call back because the disk decides when.
 * Every implementation passes `test/storage/conformance.ts`.
 */

export type StoreOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface RangeOptions {
  /** inclusive */
  readonly gte?: Uint8Array;
  /** exclusive */
  readonly gt?: Uint8Array;
  /** exclusive */
  readonly lt?: Uint8Array;
  /** inclusive */
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  /** entries; no limit when absent: iterate lazily */
  readonly limit?: number;
}

export interface StoreEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Store {
  /** @throws StoreError `closed`, or `corrupt` when a checksum fails */
  get(key: Uint8Array): Uint8Array | undefined;
  /**
   * All operations or none. `done` is called exactly once, never before `write` returned. With `durable` it is called after the data
   * is on the medium (fdatasync). An error is final: the store takes no further writes (an fsync that failed once proves nothing later).
   */
  write(operations: readonly StoreOperation[], options: { readonly durable: boolean }, done: (error?: StoreError) => void): void;
  /** A consistent view as of the call, in byte order, read lazily in bounded chunks. */
  range(options: RangeOptions): AsyncIterable<StoreEntry>;
  /** Waits for writes under way. */
  close(): Promise<void>;
}

export type StoreErrorCode = "locked" | "corrupt" | "full" | "io" | "closed";

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}
