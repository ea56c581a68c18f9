/** How much memory a node may take, and what parts of it the largest consumers may: pure. */

const MiB = 1024 * 1024;

/** less than this and a node that does nothing would be short of memory, MiB */
export const leastMemoryLimitMib = 160;

/** of what the machine or its control group has: the system, its file cache and what V8 has not given back yet need the rest */
const shareOfMachine = 0.75;

/** What there is, bytes. */
export interface Machine {
  readonly total: number;
  /** of the control group that this process is in; 0 or more than `total` when there is none */
  readonly constrained: number;
}

/**
 * The limit in bytes.
 *
 * @param configuredMib 0 leaves it to what there is: three quarters of it
 */
export const memoryLimit = (configuredMib: number, { total, constrained }: Machine): number => {
  if (configuredMib > 0) return configuredMib * MiB;
  const there = constrained > 0 ? Math.min(constrained, total) : total;
  return Math.max(leastMemoryLimitMib * MiB, Math.floor(there * shareOfMachine));
};

/** What the largest consumers may take, bytes: what they take on a large machine, and less of each on a small one. */
export interface MemoryShares {
  /** pages and entries of the state */
  readonly state: number;
  /** requests that wait to be ordered */
  readonly pool: number;
  /** HTTP bodies that are being received or worked on */
  readonly bodies: number;
  /** HTTP answers that wait to be taken by their clients */
  readonly answers: number;
  /** what waits to be sent to one peer on one channel */
  readonly peerQueue: number;
  /** what the store gathers before it writes a table; twice as much for a moment */
  readonly storeWrites: number;
  /** V8's young generation */
  readonly young: number;
}

/** @param limit bytes */
export const memoryShares = (limit: number): MemoryShares => {
  const share = (parts: number, most: number): number => Math.min(most, Math.floor(limit / parts));
  return {
    state: share(16, 48 * MiB),
    pool: share(8, Number.MAX_SAFE_INTEGER),
    bodies: share(16, 64 * MiB),
    answers: share(16, 64 * MiB),
    peerQueue: share(16, 32 * MiB),
    storeWrites: share(32, 16 * MiB),
    young: share(16, 32 * MiB),
  };
};

/** For Node.js, when it is started: the heap that fits this limit, beside code, threads, store and buffers. @param limit bytes */
export const heapArgument = (limit: number): string => `--max-old-space-size=${Math.floor((limit * 0.6) / MiB)}`;

/**
 * For the environment of the process: memory that was freed goes back to the system, where glibc's `malloc` by itself keeps what once was in large pieces
 * for the next ones. Other allocators ignore it.
 */
export const allocatorEnvironment = { MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072", MALLOC_ARENA_MAX: "2" } as const;
