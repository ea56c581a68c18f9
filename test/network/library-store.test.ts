/** What libp2p keeps of peers, when strangers come and go, and say a lot. */
import { generateKeyPair } from "@libp2p/crypto/keys";
import type { PeerId } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { expect, test } from "vitest";
import { boundPeerStore, createLibraryStore } from "../../src/network/libp2p/library-store.ts";

const createPeers = async () => {
  const store = createLibraryStore();
  const { peerStore, peerId } = await createLibp2p({ start: false, datastore: store.datastore });
  boundPeerStore(peerStore);
  return { ...store, peerStore, peerId };
};
const createName = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair("Ed25519"));
const addresses = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => multiaddr(`/ip4/10.0.0.1/tcp/${from + index + 1}`));

test("names are forgotten when there are many, those of connected peers are not", async () => {
  const { peerStore, pin, unpin } = await createPeers();
  const [connected, gone, ...others] = await Promise.all(Array.from({ length: 700 }, createName));
  if (connected === undefined || gone === undefined) throw new Error("no peers");
  pin(connected);
  pin(gone);
  for (const peer of [connected, gone]) await peerStore.merge(peer, { multiaddrs: addresses(1) });
  unpin(gone);
  for (const peer of others) await peerStore.merge(peer, { multiaddrs: addresses(1) });
  expect(await peerStore.has(connected)).toBe(true);
  expect(await peerStore.has(gone)).toBe(false);
  expect(await peerStore.all()).toHaveLength(513);
  expect((await peerStore.all({ filters: [({ id }) => id.equals(connected)] })).map(({ id }) => id.toString())).toEqual([
    connected.toString(),
  ]);
});

test("of one peer little is kept, and what others say of it does not push out what is known", async () => {
  const { peerStore } = await createPeers();
  const peer = await createName();
  const long = multiaddr(`/dns4/${"a.".repeat(200)}example/tcp/1`);
  await peerStore.patch(peer, {
    multiaddrs: [long, ...addresses(3)],
    protocols: ["x".repeat(1_000), ...Array.from({ length: 1_000 }, (_, index) => `/p/${index}`)],
  });
  await peerStore.merge(peer, { multiaddrs: addresses(1_000, 10) });
  await peerStore.merge(peer, { multiaddrs: addresses(1_000, 2_000) });
  const kept = await peerStore.get(peer);
  expect(kept.addresses).toHaveLength(8);
  expect(kept.addresses.map(({ multiaddr: address }) => address.toString())).toEqual(expect.arrayContaining(addresses(3).map(String)));
  expect(kept.protocols).toHaveLength(64);
  await peerStore.patch(peer, { multiaddrs: addresses(2, 5_000) });
  expect((await peerStore.get(peer)).addresses).toHaveLength(2);
});

test("nothing is kept for the DHT", () => {
  const { datastore } = createLibraryStore();
  const key = { toString: () => "/dht/record/x" } as Parameters<typeof datastore.put>[0];
  expect(() => datastore.put(key, Uint8Array.of(1))).toThrow("only peers are kept");
});
