/** The sessions in the state, with the recently used ones in memory. */
import type { PublicKey } from "../protocol/ids.ts";
import { StoreError } from "../storage/port.ts";
import type { Store } from "../storage/port.ts";
import { toHex } from "../wire/bytes.ts";
import { stateKeys } from "./head.ts";
import type { Records } from "./records.ts";
import { createSessionOrder, highestNumber, isSession, lastUsed } from "./sessions.ts";
import type { Session, SessionOrder } from "./sessions.ts";
import { keyToBytes } from "./state/hashing.ts";
import { rangeItems } from "./state/range.ts";
import type { StateChanges, StateMap } from "./state/state-map.ts";

/** sessions in memory, each of up to 2 KiB; the least recently asked for makes room */
const cachedSessions = 512;

/** One batch's changes to the table. */
export interface SessionChanges {
  get(client: PublicKey): Session | undefined;
  set(client: PublicKey, session: Session): void;
  /**
   * Writes them into the state, and evicts down to the bound: those not used for longest go, those of one batch by key.
   * @returns the highest number of any session evicted
   */
  commit(): number;
}

export interface SessionTable {
  get(client: PublicKey): Session | undefined;
  begin(changes: StateChanges): SessionChanges;
}

/** Clients of all sessions that are in the store, by last use; reads each session once. @throws StoreError */
export const loadSessionOrder = async (store: Store, records: Pick<Records, "get">): Promise<SessionOrder> => {
  const found: { readonly client: PublicKey; readonly lastUsed: number }[] = [];
  const prefix = stateKeys.sessionPrefix;
  for await (const { key, value } of rangeItems(store, records, { prefix })) {
    if (!isSession(value)) throw new StoreError("corrupt", "a session in the store is malformed");
    found.push({ client: toHex(keyToBytes(key.slice(prefix.length))) as PublicKey, lastUsed: lastUsed(value) });
  }
  return createSessionOrder(found);
};

/** @param maxSessions in the replicated state after each batch; every node of the network has the same */
export const createSessionTable = (state: StateMap, order: SessionOrder, maxSessions: number): SessionTable => {
  const cache = new Map<PublicKey, Session>();

  const remember = (client: PublicKey, session: Session): void => {
    cache.delete(client);
    cache.set(client, session);
    if (cache.size <= cachedSessions) return;
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  };
  const get = (client: PublicKey): Session | undefined => {
    const session = cache.get(client) ?? state.get(stateKeys.session(client));
    if (session !== undefined) remember(client, session);
    return session;
  };

  const begin = (changes: StateChanges): SessionChanges => {
    const changed = new Map<PublicKey, Session>();
    const evict = (): number => {
      let floor = 0;
      while (order.size > maxSessions) {
        const client = order.evict();
        if (client === undefined) break;
        const session = changed.get(client) ?? get(client);
        if (session !== undefined) floor = Math.max(floor, highestNumber(session));
        changes.delete(stateKeys.session(client));
        cache.delete(client);
      }
      return floor;
    };
    return {
      get: (client) => changed.get(client) ?? get(client),
      set: (client, session) => void changed.set(client, session),
      commit: () => {
        for (const [client, session] of changed) {
          changes.put(stateKeys.session(client), session);
          remember(client, session);
        }
        order.use(changed.keys());
        return evict();
      },
    };
  };

  return { get, begin };
};
