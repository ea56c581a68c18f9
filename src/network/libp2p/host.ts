/** The libp2p node: transports, security, services and their limits. What each setting is for stands in docs/network.md. */
import { identify, identifyPush } from "@libp2p/identify";
import type { Identify, IdentifyPush } from "@libp2p/identify";
import type { ConnectionGater, Ed25519PrivateKey, Libp2p, Metrics } from "@libp2p/interface";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import type { KadDHT } from "@libp2p/kad-dht";
import type { GossipSub } from "@libp2p/gossipsub";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import type { PeerName } from "../../protocol/ids.ts";
import { limits as protocolLimits } from "../../protocol/limits.ts";
import type { LibraryLog } from "../library.ts";
import type { NetworkLimits } from "../options.ts";
import { gatheringTransport, quietEncrypter, thriftyMuxer } from "./economy.ts";
import { gossipService } from "./gossip.ts";
import { createLibraryLog } from "./library-log.ts";
import { boundPeerStore, createLibraryStore } from "./library-store.ts";
import { loadNoiseCrypto } from "./noise-crypto.ts";
import { boundServices } from "./service-bounds.ts";

export type Host = Libp2p<{ dht: KadDHT; pubsub: GossipSub; identify: Identify; identifyPush: IdentifyPush }>;

export interface HostInit {
  readonly key: Ed25519PrivateKey;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly gater: ConnectionGater;
  readonly limits: NetworkLimits;
  readonly kadProtocol: string;
  readonly topic: string;
  readonly refuses: (peer: PeerName) => boolean;
  /** a stream was reset: a service was asked or told more than it takes, or no protocol was agreed on in what came */
  readonly onRefusedStream?: () => void;
  readonly libraryLog?: LibraryLog | undefined;
  readonly metrics?: Metrics;
}

const noiseCrypto = loadNoiseCrypto();

/** what a peer opens beside a client's questions when it has just connected: our channels, and those of libp2p's services */
const otherEarlyStreams = 8;

/** A client may ask all at once before we are done with the handshake; one stream over this bound costs it the connection. */
const muxerOf = (limits: NetworkLimits, onRefusedStream: () => void): ReturnType<typeof thriftyMuxer> =>
  thriftyMuxer(
    yamux({
      enableKeepAlive: false,
      maxInboundStreams: limits.maxMuxerStreams,
      maxEarlyStreams: limits.maxClientStreamsPerPeer + otherEarlyStreams,
    }),
    onRefusedStream,
  );

/** Creates the node without starting it. */
export const createHost = async ({
  key,
  listen,
  announce,
  gater,
  limits,
  kadProtocol,
  topic,
  refuses,
  onRefusedStream = () => undefined,
  libraryLog,
  metrics,
}: HostInit): Promise<Host> => {
  const store = createLibraryStore();
  const host = (await createLibp2p({
    start: false,
    datastore: store.datastore,
    privateKey: key,
    logger: createLibraryLog(libraryLog),
    ...(metrics === undefined ? {} : { metrics: () => metrics }),
    nodeInfo: { name: "byzantine-coordinator", version: "1", userAgent: "byzantine-coordinator" },
    addresses: { listen: [...listen], announce: [...announce] },
    transports: [gatheringTransport(tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true }, backlog: 128 }))],
    connectionEncrypters: [quietEncrypter(noise(noiseCrypto === undefined ? {} : { crypto: noiseCrypto }))],
    streamMuxers: [muxerOf(limits, onRefusedStream)],
    connectionGater: gater,
    connectionManager: {
      // admission gives out the places; this bound only has to stay above them, so that libp2p never prunes by itself
      maxConnections: limits.maxConnectionsPerPeer * (limits.maxStrangers + protocolLimits.maxValidators),
      inboundConnectionThreshold: limits.maxInboundPerSecondPerIp,
      // admission holds the bound, and ends the oldest for a new one, which libp2p only notices a moment later
      maxIncomingPendingConnections: 2 * limits.maxPendingInbound,
      maxParallelDials: 32,
      // the book orders addresses by what is known of them
      addressSorter: () => 0,
      dialTimeout: limits.maxDialMs,
      addressDialTimeout: limits.addressDialMs,
      // both ends of a handshake have the same patience
      inboundUpgradeTimeout: limits.maxDialMs,
      inboundStreamProtocolNegotiationTimeout: limits.maxDialMs,
      outboundStreamProtocolNegotiationTimeout: limits.maxDialMs,
      connectionCloseTimeout: 200,
      // kad-dht asks for reconnections that have no back-off; the keeper dials
      maxParallelReconnects: 0,
    },
    // only measures round trips: one failed ping proves nothing, silence is judged by the links
    connectionMonitor: { enabled: true, pingInterval: 10_000, abortConnectionOnPingFailure: false },
    peerStore: { maxPeerAge: 900_000, maxAddressAge: 900_000 },
    services: {
      // `boundServices` does it
      identify: identify({ timeout: 5000, runOnConnectionOpen: false }),
      identifyPush: identifyPush(),
      ping: ping({ maxInboundStreams: 4, maxOutboundStreams: 4 }),
      dht: kadDHT({
        protocol: kadProtocol,
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        kBucketSize: 20,
        alpha: 3,
        initialQuerySelfInterval: 50,
        querySelfInterval: 60_000,
        allowQueryWithZeroPeers: false,
      }),
      pubsub: gossipService(topic, refuses),
    },
  })) as unknown as Host;
  boundPeerStore(host.peerStore);
  boundServices(host, { kadProtocol, limits, onRefusedStream });
  store.pin(host.peerId);
  host.addEventListener("peer:connect", ({ detail: peer }) => store.pin(peer));
  host.addEventListener("peer:disconnect", ({ detail: peer }) => store.unpin(peer));
  return host;
};
