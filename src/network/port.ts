/**
 * The network as the rest of the node sees it: named peers, bounded queues, frames of bytes. No libp2p type appears here.
 * Every implementation (libp2p, the simulator's) passes the same conformance suite.
 */
import type { PeerName } from "../protocol/ids.ts";

/**
 * `consensus`: votes, checkpoints, view changes, large or repeated proposals; between validators only.
 * `sync`: heartbeats, relayed requests, fetches; any peer, rate-limited.
 */
export type Channel = "consensus" | "sync";

export type GossipVerdict =
  /** deliver and forward */
  | "accept"
  /** neither, and nobody is to blame */
  | "ignore"
  /** neither, and whoever forwarded it without checking is */
  | "reject";

export interface NetworkHandlers {
  /** One whole frame. The bytes may be kept. Must not throw. */
  onFrame(from: PeerName, channel: Channel, frame: Uint8Array): void;
  /**
   * One gossip message; `verdict` must be called once, soon. Forwarding waits for it. `held`: peers that have it already, as far as is known; nobody has
   * to keep it from them.
   */
  onGossip(from: PeerName, data: Uint8Array, verdict: (verdict: GossipVerdict, held?: readonly PeerName[]) => void): void;
  /** A peer became reachable (both channels we may use are open) or stopped being so. */
  onPeer(peer: PeerName, up: boolean): void;
}

/** Answers one client's question, both as whole frames (docs/wire.md "Client protocol"); never rejects. */
export type ClientHandler = (from: PeerName, question: Uint8Array) => Promise<Uint8Array>;

export interface PeerInfo {
  readonly peer: PeerName;
  readonly addresses: readonly string[];
  readonly validator: boolean;
  readonly direction: "inbound" | "outbound";
  /** smoothed round trip of the last pings; absent until one was measured */
  readonly rttMs?: number;
  /** Unix milliseconds */
  readonly connectedSince: number;
  /** bytes queued towards it */
  readonly queuedBytes: number;
}

export interface Network {
  readonly self: PeerName;
  /** what others can dial, with our peer id at the end */
  addresses(): readonly string[];
  /**
   * Queues one frame. False when it was not queued: no channel to the peer, or its queue is full (counted). Never throws, never blocks.
   * Frames on one channel to one peer keep their order.
   */
  send(to: PeerName, channel: Channel, frame: Uint8Array): boolean;
  /** Gossips one message of at most `limits.maxGossipBytes`; not delivered to ourselves. */
  publish(data: Uint8Array): void;
  peers(): readonly PeerInfo[];
  isUp(peer: PeerName): boolean;
  /** The validators' peer names; replaced at an epoch change. They have reserved places and may open `consensus`. */
  setValidators(peers: readonly PeerName[]): void;
  /** Something a peer sent was invalid beyond doubt: counted against it. */
  blame(peer: PeerName, reason: string): void;
  /** Drops what comes from this peer, a validator or not, and refuses its connections for so long, milliseconds; then it may come back. */
  isolate(peer: PeerName, ms: number): void;
  start(handlers: NetworkHandlers): Promise<void>;
  /** Bounded by 300 ms. */
  stop(): Promise<void>;
}
