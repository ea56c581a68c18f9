/** What a network is created with: identity, addresses, validators, and every bound with its unit. */
import type { Digest, PeerName } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { LibraryLog } from "./library.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

type NetworkLogLevel = "debug" | "info" | "warn";
/** Where the network tells what happens; must not throw. `debug` is per event, `info` per change of a peer, `warn` needs a look. */
export type NetworkLog = (level: NetworkLogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

/** Bounds and timings; docs/network.md explains each and what happens at it. */
export interface NetworkLimits {
  /** one frame on `consensus` */
  readonly maxConsensusFrameBytes: number;
  /** one frame on `sync`: an answer of `limits.maxAnswerBytes` with room for its last block */
  readonly maxSyncFrameBytes: number;
  /** bytes waiting for one peer; at the bound further frames are dropped and counted, but an empty queue takes any one frame */
  readonly consensusQueueBytes: number;
  readonly syncQueueBytes: number;
  readonly strangerQueueBytes: number;
  /** bytes waiting for all non-validators together */
  readonly strangerQueuesBytes: number;
  /** a peer whose queue has been dropping this long is disconnected */
  readonly slowPeerMs: number;
  /** unfinished frames of all non-validators together; the stream that passes it is reset */
  readonly strangerPartialBytes: number;
  /** a non-validator's frame must be complete this long after its first byte, or its stream is reset */
  readonly partialFrameMs: number;
  /** token bucket of each non-validator on `sync` and in gossip together: per second, and what may come at once */
  readonly strangerFramesPerSecond: number;
  readonly strangerFrameBurst: number;
  readonly strangerBytesPerSecond: number;
  readonly strangerByteBurst: number;
  /** frames dropped by that bucket within ten seconds after which the peer is disconnected and refused */
  readonly strangerDropsBeforeBan: number;
  /**
   * How much of a connection is read, per second and four times as much at once, before it is read more slowly: a frame of the muxer counts as 1 KiB, one
   * that opens a stream as 16 KiB; of a non-validator each byte, of a validator each fourth, and a frame of a channel as 2 KiB. Of a validator, of a non-validator, and of all non-validators together
   */
  readonly validatorReadBytesPerSecond: number;
  readonly strangerReadBytesPerSecond: number;
  readonly strangersReadBytesPerSecond: number;
  /** streams of all protocols together that a peer may have open on one connection; more are reset */
  readonly maxMuxerStreams: number;
  /** bytes below the streams of one connection that its peer does not take; it is cut off beyond, and after `slowPeerMs` in which nothing flowed */
  readonly maxUnsentBytes: number;
  /** bytes in and below the streams of all non-validators together; the one with most is cut off beyond */
  readonly strangersUnsentBytes: number;
  /** questions of the DHT on one connection, per second and at once; more are reset */
  readonly dhtQuestionsPerSecond: number;
  readonly dhtQuestionBurst: number;
  /** one question of the DHT, and the answer to one of ours */
  readonly maxDhtQuestionBytes: number;
  readonly maxDhtAnswerBytes: number;
  /** all that a peer says of itself when it is asked, or changed; and how often it may have changed, per second and at once */
  readonly maxIdentifyBytes: number;
  readonly pushesPerSecond: number;
  readonly pushBurst: number;
  /** connected peers that are not validators */
  readonly maxStrangers: number;
  /** of these, from one IP address other than loopback */
  readonly maxStrangersPerIp: number;
  /** connections that one peer may hold (simultaneous dials make two) */
  readonly maxConnectionsPerPeer: number;
  /** inbound handshakes under way, in all and from one IP address */
  readonly maxPendingInbound: number;
  readonly maxPendingInboundPerIp: number;
  /** at these bounds the oldest of them makes room for a new one when it has taken this long */
  readonly staleHandshakeMs: number;
  /** inbound connections that one IP address may open per second */
  readonly maxInboundPerSecondPerIp: number;
  /** blames within `blameWindowMs` after which a non-validator is refused */
  readonly blamesBeforeBan: number;
  readonly blameWindowMs: number;
  /** length of the first refusal; each further one is twice as long, up to the maximum */
  readonly banMs: number;
  readonly maxBanMs: number;
  /** peers that count or refuse; the oldest is forgotten at the bound */
  readonly maxBookkeptPeers: number;
  /** a peer silent this long on all channels is cut off and dialled again; 0 turns it off */
  readonly deadMs: number;
  /** the same for a connection's first seconds, when both ends are still busy with handshakes */
  readonly firstDeadMs: number;
  /** first and last back-off between dials of one peer */
  readonly minDialBackoffMs: number;
  readonly maxDialBackoffMs: number;
  /**
   * First dial of a peer, over all its addresses; each further one may take as much longer, up to the maximum: short, so that a packet
   * lost in a partition costs little after it, yet long enough when handshakes are slow. Who is dialled is as patient as the longest. And
   * the time for one address.
   */
  readonly minDialMs: number;
  readonly maxDialMs: number;
  readonly addressDialMs: number;
  /** self-walks through the DHT: first and last interval */
  readonly minWalkMs: number;
  readonly maxWalkMs: number;
  /** non-validators that a node which is not a validator itself connects to on its own */
  readonly wantedStrangers: number;
  /** questions of clients under way, in all and of one peer */
  readonly maxClientStreams: number;
  readonly maxClientStreamsPerPeer: number;
  /** for handing over an answer */
  readonly clientAnswerMs: number;
  /** a client may stay connected this long after its last question */
  readonly clientIdleMs: number;
  /** gossipsub's messages from one validator, per second and at once; more are dropped */
  readonly validatorGossipPerSecond: number;
  readonly validatorGossipBurst: number;
  /** gossip waiting for a verdict, of validators and of everybody else, and how long one may take */
  readonly maxUndecidedGossip: number;
  readonly gossipVerdictMs: number;
  /** a connection whose gossip streams have been gone this long is cut off and dialled again */
  readonly gossipGraceMs: number;
  /** least time between two writes of the address book */
  readonly addressBookMs: number;
}

export const defaultNetworkLimits: NetworkLimits = {
  maxConsensusFrameBytes: limits.maxFrameBytes,
  maxSyncFrameBytes: 5 * MiB,
  consensusQueueBytes: 32 * MiB,
  syncQueueBytes: 8 * MiB,
  strangerQueueBytes: 2 * MiB,
  strangerQueuesBytes: 64 * MiB,
  slowPeerMs: 10_000,
  strangerPartialBytes: 32 * MiB,
  partialFrameMs: 10_000,
  strangerFramesPerSecond: 200,
  strangerFrameBurst: 400,
  strangerBytesPerSecond: 2 * MiB,
  strangerByteBurst: 8 * MiB,
  strangerDropsBeforeBan: 1000,
  validatorReadBytesPerSecond: 16 * MiB,
  strangerReadBytesPerSecond: 4 * MiB,
  strangersReadBytesPerSecond: 16 * MiB,
  maxMuxerStreams: 128,
  maxUnsentBytes: 8 * MiB,
  strangersUnsentBytes: 64 * MiB,
  dhtQuestionsPerSecond: 5,
  dhtQuestionBurst: 100,
  maxDhtQuestionBytes: 256,
  maxDhtAnswerBytes: 64 * KiB,
  maxIdentifyBytes: 8 * KiB,
  pushesPerSecond: 0.2,
  pushBurst: 5,
  maxStrangers: 64,
  maxStrangersPerIp: 16,
  maxConnectionsPerPeer: 4,
  maxPendingInbound: 256,
  maxPendingInboundPerIp: 64,
  staleHandshakeMs: 500,
  maxInboundPerSecondPerIp: 200,
  blamesBeforeBan: 20,
  blameWindowMs: 60_000,
  banMs: 30_000,
  maxBanMs: 3_600_000,
  maxBookkeptPeers: 1024,
  deadMs: 1500,
  firstDeadMs: 4000,
  minDialBackoffMs: 200,
  maxDialBackoffMs: 1000,
  minDialMs: 1500,
  maxDialMs: 5000,
  addressDialMs: 2500,
  minWalkMs: 500,
  maxWalkMs: 15_000,
  wantedStrangers: 8,
  maxClientStreams: 64,
  maxClientStreamsPerPeer: 16,
  clientAnswerMs: 10_000,
  clientIdleMs: 10_000,
  validatorGossipPerSecond: 1000,
  validatorGossipBurst: 4000,
  maxUndecidedGossip: 64,
  gossipVerdictMs: 2000,
  gossipGraceMs: 2000,
  addressBookMs: 1000,
};

export interface NetworkOptions {
  /** part of every protocol's name: peers of another network share none with us */
  readonly genesisHash: Digest;
  /** its genesis as text, for newcomers who ask; at most `limits.maxGenesisBytes` */
  readonly genesis: string;
  /** the node key: 32-byte Ed25519 seed, or seed and public key in 64 bytes */
  readonly nodeKey: Uint8Array;
  /** multiaddrs without a peer id */
  readonly listen: readonly string[];
  /** told to others instead of what we listen on, for nodes behind a port mapping */
  readonly announce?: readonly string[];
  /** any nodes of the network; the peer id at the end may be left out */
  readonly bootstrap?: readonly string[];
  /** the validators of the epoch; replaced by `setValidators` */
  readonly validators: readonly PeerName[];
  /** a folder that exists, for the address book; nothing is kept when absent */
  readonly dataDirectory?: string;
  readonly limits?: Partial<NetworkLimits>;
  readonly log?: NetworkLog;
  /** the libraries' own log; nothing is told when absent */
  readonly libraryLog?: LibraryLog;
  /** Unix milliseconds; `Date.now` when absent */
  readonly now?: () => number;
}
