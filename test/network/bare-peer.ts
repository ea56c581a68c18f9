/** A peer without the network's manners: a bare libp2p node that tests make do what no node of ours does. */
import { multiaddr } from "@multiformats/multiaddr";
import type { Connection, Stream } from "@libp2p/interface";
import { createHost } from "../../src/network/libp2p/host.ts";
import type { Host } from "../../src/network/libp2p/host.ts";
import { defaultNetworkLimits } from "../../src/network/options.ts";
import { toLibp2pKey } from "../../src/network/peer-name.ts";
import { toPeerName } from "../../src/protocol/ids.ts";
import type { PeerName } from "../../src/protocol/ids.ts";
import { genesisHash, loopback, nodeKey, patient } from "./support.ts";
import type { Cleanup, TestNode } from "./support.ts";

const root = `/byz/${genesisHash.slice(0, 8)}`;
export const protocols = { consensus: `${root}/consensus/1`, sync: `${root}/sync/1` };
export const topic = `${root}/proposals/1`;

const readAll = (stream: Stream): void => stream.addEventListener("message", () => undefined);

/** Takes every stream, and reads it unless told otherwise. */
export const startBare = async (cleanup: Cleanup, index: number, onStream: (stream: Stream) => void = readAll): Promise<Host> => {
  const host = await createHost({
    key: toLibp2pKey(nodeKey(index)),
    listen: [loopback],
    announce: [],
    gater: {},
    limits: { ...defaultNetworkLimits, ...patient },
    kadProtocol: `${root}/kad/1`,
    topic,
    refuses: () => false,
  });
  for (const protocol of Object.values(protocols)) await host.handle(protocol, onStream, { maxInboundStreams: 8, maxOutboundStreams: 8 });
  await host.start();
  cleanup.add(async () => {
    for (const connection of host.getConnections()) connection.abort(new Error("test over"));
    await host.stop();
  });
  return host;
};

export const connect = (host: Host, to: TestNode): Promise<Connection> => host.dial(multiaddr(to.network.addresses()[0]));
export const nameOf = (host: Host): PeerName => toPeerName(host.peerId.toString());
