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
const dayMs = 86_400_000;
/** client numbers a millisecond of ledger time is worth: a client may number by time and still have many in one */
const numbersPerMs = 1024;

/** One session's bytes. */
export type Session = Uint8Array;

/** The highest client number that may be used at this ledger time: no farther ahead than a day. It bounds what an eviction can lift the floor to. */
export const highestNumberAt = (ledgerTimeMs: number): number => Math.min((ledgerTimeMs + dayMs) * numbersPerMs, Number.MAX_SAFE_INTEGER);

const countOf = (session: Session): number => (session.length - headerBytes) / entryBytes;
const numberAt = (session: Session, index: number): number => readNumber(session, headerBytes + index * entryBytes);
const placeAt = (session: Session, index: number): { readonly sequence: Sequence; readonly index: number } => {
  const buffer = Buffer.from(session.buffer, session.byteOffset, session.byteLength);
  const at = headerBytes + index * entryBytes + 8;
  return { sequence: buffer.readUIntBE(at, 6) as Sequence, index: buffer.readUInt16BE(at + 6) };
};

/** Whether bytes have the form of a session: a header, and whole entries. */
export const isSession = (bytes: Uint8Array): boolean => bytes.length >= headerBytes && (bytes.length - headerBytes) % entryBytes === 0;
/** Ledger sequence of the last request that was executed. */
export const lastUsed = (session: Session): number => readNumber(session, 0);
/** Numbers up to this one can not be told from repeats. */
export const forgottenUpTo = (session: Session): number => readNumber(session, 8);
/** The highest number that was executed. */
export const highestNumber = (session: Session): number =>
  countOf(session) === 0 ? forgottenUpTo(session) : numberAt(session, countOf(session) - 1);

/** Position of the first remembered number that is not below `number`. */
const positionOf = (session: Session, number: number): number => {
  let low = 0;
  let high = countOf(session);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberAt(session, middle) < number) low = middle + 1;
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
    const position = positionOf(session, number);
    if (position < countOf(session) && numberAt(session, position) === number)
      return { status: "duplicate", ...placeAt(session, position) };
    if (number <= forgottenUpTo(session)) return { status: "refused", reason: "stale" };
  }
  return number > highest ? { status: "refused", reason: "sequence-too-far" } : undefined;
};

/**
 * The session after `number`, which is new to it, was executed at (sequence, index).
 * @param session absent for a client's first request
 * @param floor what a new session counts as forgotten: an evicted session of this client may have had it
 */
export const recordNumber = (
  session: Session | undefined,
  number: number,
  place: { readonly sequence: number; readonly index: number },
  { window, floor }: { readonly window: number; readonly floor: number },
): Session => {
  const old = session ?? emptySession(floor);
  const position = positionOf(old, number);
  const split = headerBytes + position * entryBytes;
  const grown = Buffer.allocUnsafe(old.length + entryBytes);
  grown.set(old.subarray(0, split));
  writeNumber(grown, number, split);
  grown.writeUIntBE(place.sequence, split + 8, 6);
  grown.writeUInt16BE(place.index, split + 14);
  grown.set(old.subarray(split), split + entryBytes);
  writeNumber(grown, place.sequence, 0);
  if (countOf(grown) <= window) return grown;
  // the lowest number makes room
  const forgotten = numberAt(grown, 0);
  const kept = grown.subarray(entryBytes);
  writeNumber(kept, place.sequence, 0);
  writeNumber(kept, forgotten, 8);
  return kept;
};

const emptySession = (floor: number): Session => {
  const session = new Uint8Array(headerBytes);
  writeNumber(session, floor, 8);
  return session;
};

/** Clients by last use: who goes first when the table is full. The least recently used is first; among those of one batch, the lowest key. */
export interface SessionOrder {
  readonly size: number;
  /** The clients whose requests a batch executed. */
  use(clients: Iterable<PublicKey>): void;
  /** Takes out and gives the least recently used one. */
  evict(): PublicKey | undefined;
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
    evict: () => {
      const [client] = clients;
      if (client !== undefined) clients.delete(client);
      return client;
    },
  };
};
