/**
 * The sessions in the state. What a batch changes of them is in memory, and in one line of its own record for each request; their entries are brought up to
 * date together with the tree's pages (docs/ledger.md, "Records").
 */
import type { PublicKey, Sequence } from "../protocol/ids.ts";
import { StoreError } from "../storage/port.ts";
import type { Store } from "../storage/port.ts";
import { toHex } from "../wire/bytes.ts";
import { decodeWhole, readCount, readPublicKey, readU64 } from "../wire/reader.ts";
import type { CountRule } from "../wire/reader.ts";
import { encodeSized, writeHex32, writeU16, writeU64 } from "../wire/writer.ts";
import { limits } from "../protocol/limits.ts";
import { stateKeys } from "./head.ts";
import type { Records } from "./records.ts";
import { createSessionOrder, decodeSession, encodeSession, highestNumber, recordNumber } from "./sessions.ts";
import type { Session, SessionOrder } from "./sessions.ts";
import { keyToBytes } from "./state/hashing.ts";
import { rangeItems } from "./state/range.ts";
import type { StateMap } from "./state/state-map.ts";

/** unchanged sessions in memory, each of up to 2 KiB unless the window is wider; the least recently asked for makes room */
const cachedSessions = 512;
/** what a session and a remembered number take in memory, bytes, about */
const sessionMemory = 400;
const numberMemory = 24;

/** One request that was executed: what its client's session has to remember. */
export interface SessionUse {
  readonly client: PublicKey;
  readonly number: number;
  /** position of the request in its batch */
  readonly index: number;
}

/** One batch's changes to the table. */
export interface SessionChanges {
  get(client: PublicKey): Session | undefined;
  /** `use.number` is new to the session, and is executed. */
  record(use: SessionUse): void;
  /**
   * Evicts down to the bound: those not used for longest go, those of one batch by key.
   * @returns the highest number of any session evicted, and what was recorded, in order
   */
  commit(): { readonly floor: number; readonly uses: readonly SessionUse[] };
}

export interface SessionTable {
  get(client: PublicKey): Session | undefined;
  /** @param floor as it was before the batch */
  begin(sequence: Sequence, floor: number): SessionChanges;
  /** Gives the entries of all that changed to the state. */
  settle(): void;
  /** memory taken by what changed and is not settled, about; the owner bounds it by settling */
  readonly changedBytes: number;
}

export interface SessionTableOptions {
  readonly state: Pick<StateMap, "get" | "defer">;
  readonly order: SessionOrder;
  /** in the replicated state after each batch; every node of the network has the same */
  readonly maxSessions: number;
  readonly window: number;
}

/* ------------------------------------------------------------------ bytes of what a batch recorded */

const usesRule: CountRule = { width: 2, min: 1, max: limits.maxRequestsPerBatch, entryBytes: 42 };

const indexRule: CountRule = { width: 2, min: 0, max: limits.maxRequestsPerBatch, entryBytes: 0 };

/** count u16, absent if 0 ‖ for each: client[32] ‖ number u64 ‖ index u16 */
export const encodeUses = (uses: readonly SessionUse[]): Uint8Array =>
  // nothing at all for none: then nothing is written of a batch that changed nothing else
  encodeSized(uses.length === 0 ? 0 : 2 + uses.length * usesRule.entryBytes, (writer) => {
    if (uses.length > 0) writeU16(writer, uses.length);
    for (const { client, number, index } of uses) {
      writeHex32(writer, client);
      writeU64(writer, number);
      writeU16(writer, index);
    }
  });

/** @throws StoreError `corrupt` if the bytes are none */
export const decodeUses = (bytes: Uint8Array): readonly SessionUse[] => {
  if (bytes.length === 0) return [];
  const decoded = decodeWhole(bytes, 2 + usesRule.max * usesRule.entryBytes, "uses", (reader) =>
    Array.from({ length: readCount(reader, usesRule, "uses") }, () => ({
      client: readPublicKey(reader, "use.client"),
      number: readU64(reader, "use.number"),
      index: readCount(reader, indexRule, "use.index"),
    })),
  );
  if (!decoded.ok) throw new StoreError("corrupt", "what a batch noted of sessions is malformed");
  return decoded.value;
};

/* ------------------------------------------------------------------ */

const decode = (entry: Uint8Array): Session => {
  const session = decodeSession(entry);
  if (session === undefined) throw new StoreError("corrupt", "a session in the store is malformed");
  return session;
};

/** Clients of all sessions whose entries are in the store, by last use; reads each session once. @throws StoreError */
export const loadSessionOrder = async (store: Store, records: Pick<Records, "get">): Promise<SessionOrder> => {
  const found: { readonly client: PublicKey; readonly lastUsed: number }[] = [];
  const prefix = stateKeys.sessionPrefix;
  for await (const { key, value } of rangeItems(store, records, { prefix })) {
    found.push({ client: toHex(keyToBytes(key.slice(prefix.length))) as PublicKey, lastUsed: decode(value).lastUsed });
  }
  return createSessionOrder(found);
};

export const createSessionTable = ({ state, order, maxSessions, window }: SessionTableOptions): SessionTable => {
  /** absent: evicted */
  const changed = new Map<PublicKey, Session | undefined>();
  let changedBytes = 0;
  const cache = new Map<PublicKey, Session>();

  const remember = (client: PublicKey, session: Session): void => {
    cache.delete(client);
    cache.set(client, session);
    if (cache.size <= cachedSessions) return;
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  };
  const load = (client: PublicKey): Session | undefined => {
    const entry = state.get(stateKeys.session(client));
    return entry === undefined ? undefined : decode(entry);
  };
  const get = (client: PublicKey): Session | undefined => {
    const present = changed.get(client);
    if (present !== undefined || changed.has(client)) return present;
    const session = cache.get(client) ?? load(client);
    if (session !== undefined) remember(client, session);
    return session;
  };
  const change = (client: PublicKey, session: Session | undefined): void => {
    if (!changed.has(client)) changedBytes += sessionMemory + (session?.numbers.length ?? 0) * numberMemory;
    changed.set(client, session);
    cache.delete(client);
  };

  const begin = (sequence: Sequence, floor: number): SessionChanges => {
    const uses: SessionUse[] = [];
    return {
      get,
      record: (use) => {
        const { client, number, index } = use;
        change(client, recordNumber(get(client), number, { sequence, index }, { window, floor }));
        changedBytes += numberMemory;
        uses.push(use);
      },
      commit: () => {
        order.use(new Set(uses.map(({ client }) => client)));
        let evicted = 0;
        for (const client of order.evictDownTo(maxSessions)) {
          const session = get(client);
          if (session !== undefined) evicted = Math.max(evicted, highestNumber(session));
          change(client, undefined);
        }
        return { floor: evicted, uses };
      },
    };
  };

  return {
    get,
    begin,
    settle: () => {
      for (const [client, session] of changed) {
        state.defer(stateKeys.session(client), session === undefined ? undefined : encodeSession(session));
        if (session !== undefined) remember(client, session);
      }
      changed.clear();
      changedBytes = 0;
    },
    get changedBytes() {
      return changedBytes;
    },
  };
};
