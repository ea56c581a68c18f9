/**
 * Sessions: which requests of a client were executed (PROTOCOL §9; docs/ledger.md, "Sessions"). Part of the replicated state.
 *
 * A session remembers the `window` highest numbers that were executed, and where. A remembered number is a repeat; one that is not above the
 * highest number ever forgotten may be one and is refused as stale; any other is new, in whatever order it comes. So no number executes twice, and
 * a client with at most `window` requests outstanding is never refused, however far apart its numbers are.
 *
 * Bytes: last used u64 ‖ forgotten u64 ‖ for each remembered number, ascending: number u64 ‖ sequence u48 ‖ index u16.
 */
import { Buffer } from "node:buffer";
import type { PublicKey, Sequence } from "../protocol/ids.ts";
import { readNumber, writeNumber } from "../storage/keys.ts";
import type { Outcome } from "./answers.ts";

const headerBytes = 16;
const entryBytes = 16;

/** One client's session, changed in place by `recordNumber`. */
export interface Session {
  /** ledger sequence of the last request that was executed */
  lastUsed: number;
  /** numbers up to this one can not be told from repeats */
  forgotten: number;
  /** remembered, ascending */
  readonly numbers: number[];
  /** where each was executed */
  readonly sequences: number[];
  readonly indexes: number[];
}

/** The highest number that was executed. */
export const highestNumber = ({ numbers, forgotten }: Session): number => numbers.at(-1) ?? forgotten;

/* ------------------------------------------------------------------ bytes */

export const encodeSession = ({ lastUsed, forgotten, numbers, sequences, indexes }: Session): Uint8Array => {
  const bytes = Buffer.from(new ArrayBuffer(headerBytes + numbers.length * entryBytes));
  writeNumber(bytes, lastUsed, 0);
  writeNumber(bytes, forgotten, 8);
  for (let entry = 0, at = headerBytes; entry < numbers.length; entry++, at += entryBytes) {
    writeNumber(bytes, numbers[entry] as number, at);
    bytes.writeUIntBE(sequences[entry] as number, at + 8, 6);
    bytes.writeUInt16BE(indexes[entry] as number, at + 14);
  }
  return bytes;
};

/** Undefined unless the bytes have the form of a session: a header, and whole entries. */
export const decodeSession = (bytes: Uint8Array): Session | undefined => {
  if (bytes.length < headerBytes || (bytes.length - headerBytes) % entryBytes !== 0) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const session: Session = { lastUsed: readNumber(bytes, 0), forgotten: readNumber(bytes, 8), numbers: [], sequences: [], indexes: [] };
  for (let at = headerBytes; at < bytes.length; at += entryBytes) {
    session.numbers.push(readNumber(bytes, at));
    session.sequences.push(buffer.readUIntBE(at + 8, 6));
    session.indexes.push(buffer.readUInt16BE(at + 14));
  }
  return session;
};

/* ------------------------------------------------------------------ rules */

/** Position of the first remembered number that is not below `number`. */
const positionOf = (numbers: readonly number[], number: number): number => {
  let low = 0;
  let high = numbers.length;
  // most come in order
  if (high === 0 || (numbers[high - 1] as number) < number) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * What a request with this number is to the client's session: a duplicate, refused, or new (undefined).
 * @param session absent when the client has none
 * @param floor the highest number of any session that was ever evicted
 * @param highest `highestNumberAt` the ledger time
 */
export const judgeNumber = (session: Session | undefined, number: number, floor: number, highest: number): Outcome | undefined => {
  if (session === undefined) {
    if (number <= floor) return { status: "refused", reason: "session-expired", floor };
  } else {
    const position = positionOf(session.numbers, number);
    if (session.numbers[position] === number)
      return { status: "duplicate", sequence: session.sequences[position] as Sequence, index: session.indexes[position] as number };
    if (number <= session.forgotten) return { status: "refused", reason: "stale" };
  }
  return number > highest ? { status: "refused", reason: "sequence-too-far" } : undefined;
};

/**
 * Notes that `number`, which is new to the session, was executed at (sequence, index); gives the session, which is the same object unless it is new.
 * @param session absent for a client's first request
 * @param floor what a new session counts as forgotten: an evicted session of this client may have had it
 */
export const recordNumber = (
  session: Session | undefined,
  number: number,
  place: { readonly sequence: number; readonly index: number },
  { window, floor }: { readonly window: number; readonly floor: number },
): Session => {
  const recorded = session ?? { lastUsed: 0, forgotten: floor, numbers: [], sequences: [], indexes: [] };
  const { numbers, sequences, indexes } = recorded;
  const position = positionOf(numbers, number);
  if (position === numbers.length) {
    numbers.push(number);
    sequences.push(place.sequence);
    indexes.push(place.index);
  } else {
    numbers.splice(position, 0, number);
    sequences.splice(position, 0, place.sequence);
    indexes.splice(position, 0, place.index);
  }
  recorded.lastUsed = place.sequence;
  if (numbers.length > window) {
    // the lowest number makes room
    recorded.forgotten = numbers.shift() as number;
    sequences.shift();
    indexes.shift();
  }
  return recorded;
};

/** Clients by last use: who goes first when the table is full. The least recently used is first; among those of one batch, the lowest key. */
export interface SessionOrder {
  readonly size: number;
  /** The clients whose requests a batch executed. */
  use(clients: Iterable<PublicKey>): void;
  /** Takes out and gives those that are too many, the least recently used first. */
  evictDownTo(most: number): PublicKey[];
}

/** Memory: about 150 bytes a session, of which there are at most `maxSessions` plus one batch's clients. */
export const createSessionOrder = (initial: Iterable<{ readonly client: PublicKey; readonly lastUsed: number }>): SessionOrder => {
  const sorted = [...initial].sort((a, b) => a.lastUsed - b.lastUsed || (a.client < b.client ? -1 : 1));
  // a Set keeps the order of insertion
  const clients = new Set(sorted.map(({ client }) => client));
  return {
    get size() {
      return clients.size;
    },
    use: (used) => {
      for (const client of [...used].sort()) {
        clients.delete(client);
        clients.add(client);
      }
    },
    evictDownTo: (most) => {
      const evicted: PublicKey[] = [];
      if (clients.size <= most) return evicted;
      // one walk for all: each finds the first one behind all that were taken out or used before
      for (const client of clients) {
        if (clients.size <= most) break;
        clients.delete(client);
        evicted.push(client);
      }
      return evicted;
    },
  };
};
