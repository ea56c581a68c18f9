/** The ledger's own entries: what was executed last, in the store; time, floor and answers, in the replicated state. */
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import { fromHex, toLatin1 } from "../wire/bytes.ts";
import { decodeWhole, fail, readCount, readDigest, readU64, readU8 } from "../wire/reader.ts";
import type { Reader } from "../wire/reader.ts";
import { encodeSized, writeHex32, writeU64, writeU8 } from "../wire/writer.ts";
import type { Writer } from "../wire/writer.ts";
import { sha256 } from "../wire/digests.ts";
import { LedgerError } from "./errors.ts";

/** First byte of every state key: whose entry it is. */
const namespaces = { ledger: "\x00", application: "\x01" } as const;

/** The state key of an application's entry: 0x01 ‖ key. */
export const applicationKey = (key: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(1 + key.length);
  whole[0] = 1;
  whole.set(key, 1);
  return whole;
};

/** State keys as the ledger uses them inside: one character a byte. */
export const stateKeys = {
  application: (key: Uint8Array): string => namespaces.application + toLatin1(key),
  applicationPrefix: namespaces.application,
  /** 0x00 0x00 */
  clock: `${namespaces.ledger}\x00`,
  /** 0x00 0x01 ‖ client key[32] */
  session: (client: PublicKey): string => `${namespaces.ledger}\x01${toLatin1(fromHex(client))}`,
  sessionPrefix: `${namespaces.ledger}\x01`,
} as const;

/** Where the ledger's other entries are, by the beginning of their state keys. */
export const ledgerKeys = { claims: `${namespaces.ledger}\x02`, anchor: `${namespaces.ledger}\x03` } as const;

/** An executed sequence and its roots. */
export interface CheckpointRoots {
  readonly sequence: Sequence;
  /** of the state after the last multiple of `checkpointInterval` up to `sequence` */
  readonly stateRoot: Digest;
  readonly logHash: Digest;
}

/* ------------------------------------------------------------------ the entry in the state */

/** What the ledger keeps beside the sessions in the replicated state; all zero before the first batch with requests. */
export interface Clock {
  /** ledger time, Unix milliseconds: the highest timestamp of any batch */
  readonly timeMs: number;
  /** the last batch that had requests */
  readonly sequence: number;
  /** the highest client number of any session that was evicted */
  readonly floor: number;
  /** H(answersHash before ‖ sequence u64 ‖ resultsRoot): every answer ever given hangs on the state's root */
  readonly answersHash: Digest;
}

export const initialClock: Clock = { timeMs: 0, sequence: 0, floor: 0, answersHash: "0".repeat(64) as Digest };

const clockBytes = 56;
const writeClock = (writer: Writer, clock: Clock): void => {
  writeU64(writer, clock.timeMs);
  writeU64(writer, clock.sequence);
  writeU64(writer, clock.floor);
  writeHex32(writer, clock.answersHash);
};
const readClockFields = (reader: Reader): Clock => ({
  timeMs: readU64(reader, "time"),
  sequence: readU64(reader, "sequence"),
  floor: readU64(reader, "floor"),
  answersHash: readDigest(reader, "answersHash"),
});

/** time u64 ‖ sequence u64 ‖ floor u64 ‖ answersHash[32] */
export const encodeClock = (clock: Clock): Uint8Array => encodeSized(clockBytes, (writer) => writeClock(writer, clock));

/** Undefined if the bytes are no clock. */
export const decodeClock = (bytes: Uint8Array): Clock | undefined => {
  const decoded = decodeWhole(bytes, clockBytes, "clock", readClockFields);
  return decoded.ok ? decoded.value : undefined;
};

/** The clock in a state. @throws LedgerError `wrong-ledger` if it is malformed; StoreError */
export const readClock = (state: { get(key: string): Uint8Array | undefined }): Clock => {
  const entry = state.get(stateKeys.clock);
  const clock = entry === undefined ? initialClock : decodeClock(entry);
  if (clock === undefined) throw new LedgerError("wrong-ledger", "the ledger's own entry in the state is malformed");
  return clock;
};

/** H(previous ‖ sequence u64 ‖ resultsRoot) */
export const answersHashAfter = (previous: Digest, sequence: number, resultsRoot: Digest): Digest =>
  sha256(
    encodeSized(72, (writer) => {
      writeHex32(writer, previous);
      writeU64(writer, sequence);
      writeHex32(writer, resultsRoot);
    }),
  );

/* ------------------------------------------------------------------ the record in the store */

const headVersion = 3;
/** checkpoints kept at once: the stable one and those of the window above it */
export const maxCheckpoints = 3;
const rootsBytes = 72;

/** Everything that is known of the ledger without looking at the state. */
export interface Head extends CheckpointRoots {
  /** the network's: a store of another one is refused */
  readonly genesisLogHash: Digest;
  readonly clock: Clock;
  /** when the tree's pages were written last */
  readonly tree: TreeMark;
  /** readable checkpoints, ascending, at most `maxCheckpoints` */
  readonly checkpoints: readonly CheckpointRoots[];
}

/** What the tree's pages in the store, and the entries that are written with them, are as of. */
export interface TreeMark {
  readonly root: Digest;
  /** the clock's then */
  readonly floor: number;
}

const writeRoots = (writer: Writer, roots: CheckpointRoots): void => {
  writeU64(writer, roots.sequence);
  writeHex32(writer, roots.stateRoot);
  writeHex32(writer, roots.logHash);
};
const readRoots = (reader: Reader): CheckpointRoots => ({
  sequence: readU64(reader, "sequence") as Sequence,
  stateRoot: readDigest(reader, "stateRoot"),
  logHash: readDigest(reader, "logHash"),
});

/**
 * version u8 (3) ‖ genesisLogHash[32] ‖ sequence u64 ‖ stateRoot[32] ‖ logHash[32] ‖ clock ‖ root of the pages[32] ‖ floor then u64 ‖ count u8 ‖ checkpoints: sequence,
 * stateRoot and logHash of each
 */
export const encodeHead = (head: Head): Uint8Array =>
  encodeSized(1 + 32 + rootsBytes + clockBytes + 40 + 1 + head.checkpoints.length * rootsBytes, (writer) => {
    writeU8(writer, headVersion);
    writeHex32(writer, head.genesisLogHash);
    writeRoots(writer, head);
    writeClock(writer, head.clock);
    writeHex32(writer, head.tree.root);
    writeU64(writer, head.tree.floor);
    writeU8(writer, head.checkpoints.length);
    for (const checkpoint of head.checkpoints) writeRoots(writer, checkpoint);
  });

/** Undefined if the bytes are no head of this version. */
export const decodeHead = (bytes: Uint8Array): Head | undefined => {
  const decoded = decodeWhole(bytes, 1024, "head", (reader): Head => {
    if (readU8(reader, "version") !== headVersion) fail(reader, "unknown-tag", "version");
    const genesisLogHash = readDigest(reader, "genesisLogHash");
    const roots = readRoots(reader);
    const clock = readClockFields(reader);
    const tree = { root: readDigest(reader, "tree.root"), floor: readU64(reader, "tree.floor") };
    const count = readCount(reader, { width: 1, min: 0, max: maxCheckpoints, entryBytes: rootsBytes }, "checkpoints");
    const checkpoints = Array.from({ length: count }, () => readRoots(reader));
    return { genesisLogHash, ...roots, clock, tree, checkpoints };
  });
  return decoded.ok ? decoded.value : undefined;
};
