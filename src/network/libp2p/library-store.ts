/**
 * What libp2p keeps of its peers: in memory, and bounded, where its own store is neither by the number of names nor by what is said of each. Every name that ever
 * connected would stay in it for a quarter of an hour, what the DHT is asked to keep for two days, and anybody's word about a peer's addresses adds to them.
 */
import { NotFoundError } from "@libp2p/interface";
import type { Address, PeerData, PeerId, PeerStore } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { Libp2pInit } from "libp2p";

type Datastore = NonNullable<Libp2pInit["datastore"]>;
type Key = Parameters<Datastore["put"]>[0];
interface Pair {
  readonly key: Key;
  readonly value: Uint8Array;
}
interface Query {
  readonly prefix?: string;
  readonly filters?: readonly ((pair: Pair) => boolean)[];
}

/** entries beside those of connected peers; the one that was touched least recently goes first */
const maxPeers = 512;
/** of one peer, as in the address book: what it says itself replaces these, what others say of it only fills up */
const maxAddresses = 8;
/** one address: a DNS name, a port and a peer */
const maxAddressBytes = 320;
const maxProtocols = 64;
const maxProtocolLength = 128;

/** where libp2p's peer store keeps its entries; everything else is the DHT's */
const prefix = "/peers/";

export interface LibraryStore {
  readonly datastore: Datastore;
  /** This peer's entry stays, until it is unpinned: who is connected is told of to libp2p's services by it when he goes. */
  pin(peer: PeerId): void;
  unpin(peer: PeerId): void;
}

/** An empty store, for peers alone. */
export const createLibraryStore = (): LibraryStore => {
  const entries = new Map<string, Pair>();
  const pinned = new Set<string>();
  const nameOf = (peer: PeerId): string => prefix + peer.toCID().toString();

  const touch = (name: string, pair: Pair): void => {
    entries.delete(name);
    entries.set(name, pair);
  };
  const forget = (): void => {
    let unpinned = entries.size - pinned.size;
    for (const [name, pair] of entries) {
      if (unpinned <= maxPeers) break;
      if (pinned.has(name)) touch(name, pair);
      else {
        entries.delete(name);
        unpinned -= 1;
      }
    }
  };
  const put = (key: Key, value: Uint8Array): Key => {
    const name = key.toString();
    if (!name.startsWith(prefix)) throw new Error("only peers are kept");
    touch(name, { key, value });
    forget();
    return key;
  };
  const get = (key: Key): Uint8Array => {
    const name = key.toString();
    const found = entries.get(name);
    if (found === undefined) throw new NotFoundError();
    touch(name, found);
    return found.value;
  };
  const query = async function* ({ prefix: wanted = "", filters = [] }: Query): AsyncGenerator<Pair> {
    // of a copy: who asks for entries meanwhile moves them
    const all = Array.from(entries.values());
    for (const pair of all) if (pair.key.toString().startsWith(wanted) && filters.every((filter) => filter(pair))) yield pair;
  };
  const datastore: Partial<Datastore> = {
    put,
    get,
    query,
    has: (key) => entries.has(key.toString()),
    delete: (key) => void entries.delete(key.toString()),
  };
  return {
    datastore: datastore as Datastore,
    pin: (peer) => void pinned.add(nameOf(peer)),
    unpin: (peer) => void pinned.delete(nameOf(peer)),
  };
};

const isShort = (address: Multiaddr): boolean => address.bytes.byteLength <= maxAddressBytes;

/** As much of it as is kept of one peer. @param room for addresses */
const cutDown = (data: PeerData, room: number): PeerData => {
  const { multiaddrs, addresses, protocols, ...rest } = data;
  const few: PeerData = { ...rest };
  if (multiaddrs !== undefined) few.multiaddrs = multiaddrs.filter(isShort).slice(0, room);
  if (addresses !== undefined) few.addresses = addresses.filter(({ multiaddr }: Address) => isShort(multiaddr)).slice(0, room);
  if (protocols !== undefined) few.protocols = protocols.filter((name) => name.length <= maxProtocolLength).slice(0, maxProtocols);
  return few;
};

/** Bounds what is kept of one peer, whoever says it. */
export const boundPeerStore = (store: PeerStore): void => {
  const { patch, merge, save } = store;
  store.save = (peer, data, options) => save.call(store, peer, cutDown(data, maxAddresses), options);
  store.patch = (peer, data, options) => patch.call(store, peer, cutDown(data, maxAddresses), options);
  store.merge = async (peer, data, options) => {
    const adds = (data.multiaddrs ?? data.addresses ?? []).length > 0;
    const known = adds ? await store.get(peer, options).catch(() => undefined) : undefined;
    return merge.call(store, peer, cutDown(data, Math.max(0, maxAddresses - (known?.addresses.length ?? 0))), options);
  };
};
