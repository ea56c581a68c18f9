/** Every fixed bound of the protocol, with its unit in the name. What operators may set is in node/home/settings; what a network agrees on at its genesis is `Parameters`. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** validators in a committee; indexes travel in one byte */
  maxValidators: 128,
  /** key of the built-in key-value store */
  maxKeyBytes: 1 * KiB,
  /** bytes of a key in an application's state */
  maxStateKeyBytes: 4 * KiB,
  /** value of the built-in key-value store */
  maxValueBytes: 1 * MiB,
  /** operations in one request */
  maxOperationsPerRequest: 1024,
  /** one encoded request: a largest value with room for its key, or a transaction of several smaller ones */
  maxRequestBytes: 1 * MiB + 64 * KiB,
  /** requests in one batch */
  maxRequestsPerBatch: 4096,
  /** one encoded batch: the largest `maxBatchBytes` a genesis may set, plus one largest request */
  maxBatchBytes: 3 * MiB,
  /** one frame on a direct stream: a NEW-VIEW of a largest committee over a full window must fit */
  maxFrameBytes: 16 * MiB,
  /** one message on gossipsub; larger proposals travel on direct streams */
  maxGossipBytes: 1 * MiB,
  /** blocks in one answer to FETCH-BLOCKS, and the bytes after which the answer is cut */
  maxBlocksPerAnswer: 256,
  maxAnswerBytes: 4 * MiB,
  /** stable checkpoints whose certificates a node keeps: more than there can be before numbers end (`isKept` in src/node/data/past-checkpoints.ts) */
  maxPastCheckpoints: 2_048,
  /** the text of a genesis that a node gives to newcomers */
  maxGenesisBytes: 1 * MiB,
  /** parts of the state in one FETCH-STATE */
  maxStateParts: 64,
  /** entries of one part, and their bytes, that are answered whole; what has more is answered as a page */
  maxPartEntries: 1024,
  maxPartBytes: 256 * KiB,
  /** bytes after which an answer to FETCH-STATE is cut; one part always fits */
  maxStateAnswerBytes: 1 * MiB,
  /** key of one entry of the state: an application's, and the byte that says whose it is */
  maxEntryKeyBytes: 4 * KiB + 1,
  /** value of one entry of the state */
  maxStateValueBytes: 1 * MiB + 64 * KiB,
  /** checkpointInterval that a genesis may set */
  maxCheckpointInterval: 1024,
  maxMonikerBytes: 64,
  maxChainIdBytes: 64,
} as const;

/** What every node of a network must agree on; part of the genesis and its hash. */
export interface Parameters {
  /** sequences between checkpoints; the window is twice as long (PROTOCOL §4) */
  readonly checkpointInterval: number;
  /** a batch is cut when the next request would pass this many encoded bytes; one request always fits */
  readonly maxBatchBytes: number;
  /** requests in one batch */
  readonly maxBatchRequests: number;
  /** how far a batch's timestamp may be from a backup's wall clock, milliseconds */
  readonly maxClockDriftMs: number;
  /** client sessions kept in the replicated state (PROTOCOL §9) */
  readonly maxSessions: number;
  /** a client's requests that may be outstanding at once: the width of its session's window */
  readonly sessionWindow: number;
}

export const defaultParameters: Parameters = {
  checkpointInterval: 128,
  maxBatchBytes: 512 * KiB,
  maxBatchRequests: 1024,
  maxClockDriftMs: 30_000,
  maxSessions: 65_536,
  sessionWindow: 64,
};
