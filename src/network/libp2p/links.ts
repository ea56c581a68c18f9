/**
 * The two channels to each peer. Each is one long-lived stream per direction, written by the side that opened it; this module opens ours,
 * accepts theirs, says when a peer is up or down, and notices silence.
 *
 * One entry per connected peer, whose number admission bounds.
 */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { NetworkCounters } from "../counters.ts";
import type { NetworkLimits, NetworkLog } from "../options.ts";
import type { Channel } from "../port.ts";
import { readInbound } from "./inbound.ts";
import type { InboundStream, SharedBudget } from "./inbound.ts";
import { createOutbox } from "./outbox.ts";
import type { Outbox } from "./outbox.ts";
import { createTokenBucket } from "./token-bucket.ts";
import type { TokenBucket } from "./token-bucket.ts";

export const channels: readonly Channel[] = ["consensus", "sync"];

export interface LinksInit {
  readonly limits: NetworkLimits;
  readonly counters: NetworkCounters;
  readonly log: NetworkLog;
  /** milliseconds, monotonic */
  readonly now: () => number;
  readonly protocols: Readonly<Record<Channel, string>>;
  readonly isValidator: (peer: PeerName) => boolean;
  readonly selfIsValidator: () => boolean;
  /** a test network's cuts: frames that come from a peer, and those that go to it, are lost */
  readonly isCut: { readonly from: (peer: PeerName) => boolean; readonly to: (peer: PeerName) => boolean };
  readonly connections: (id: PeerId) => readonly Connection[];
  readonly onFrame: (from: PeerName, channel: Channel, frame: Uint8Array) => void;
  readonly onPeer: (peer: PeerName, up: boolean) => void;
  readonly onMalformed: (peer: PeerName, reason: string) => void;
  readonly onFlood: (peer: PeerName) => void;
  /** the peer does not speak this network's protocols */
  readonly onForeign: (peer: PeerName) => void;
}

export interface Links {
  connected(connection: Connection): void;
  disconnected(peer: PeerName): void;
  accept(stream: Stream, connection: Connection, channel: Channel): void;
  send(to: PeerName, channel: Channel, frame: Uint8Array): boolean;
  isUp(peer: PeerName): boolean;
  queuedBytes(peer: PeerName): number;
  /** Each connected peer, and since when (milliseconds, monotonic). */
  peers(): IterableIterator<readonly [PeerName, { readonly id: PeerId; readonly since: number; readonly up: boolean }]>;
  validatorsChanged(): void;
  /** Aborts every connection of the peer, for the given reason. */
  disconnect(peer: PeerName, reason: string): void;
  /** Every 100 ms: retries what failed to open, looks for silent and for stuck peers. `lagMs`: how long our own event loop stood still. */
  tick(lagMs: number): void;
  stop(): void;
}

interface Outbound {
  outbox?: Outbox;
  stream?: Stream;
  opening: boolean;
  failures: number;
  nextOpen: number;
  openedAt: number;
}

interface Peer {
  readonly name: PeerName;
  readonly id: PeerId;
  readonly since: number;
  readonly outbound: Record<Channel, Outbound>;
  readonly inbound: Partial<Record<Channel, InboundStream>>;
  readonly frames: TokenBucket;
  readonly bytes: TokenBucket;
  seen: number;
  up: boolean;
  floodDrops: number;
  floodSince: number;
}

const openTimeoutMs = 3000;
/** a stream that lived shorter than this was refused rather than lost */
const settledMs = 1000;
const floodWindowMs = 10_000;

const createOutbound = (): Outbound => ({ opening: false, failures: 0, nextOpen: 0, openedAt: 0 });

/** The links of one node. */
export const createLinks = (init: LinksInit): Links => {
  const { limits, counters, log, now, protocols, isValidator, selfIsValidator } = init;
  const peers = new Map<PeerName, Peer>();
  const partials: SharedBudget = { used: 0 };
  let strangerQueued = 0;
  const stopping = new AbortController();

  const mayUse = (peer: Peer, channel: Channel): boolean => channel === "sync" || (selfIsValidator() && isValidator(peer.name));

  const refresh = (peer: Peer): void => {
    const time = now();
    const ready = channels.every((channel) => {
      if (!mayUse(peer, channel)) return true;
      const { outbox, failures, openedAt } = peer.outbound[channel];
      // after a refusal the stream has to prove that it stays before the peer counts as up again
      return outbox !== undefined && (failures === 0 || time - openedAt >= settledMs);
    });
    const up = ready && peers.get(peer.name) === peer;
    if (up === peer.up) return;
    peer.up = up;
    log("debug", up ? "peer up" : "peer down", { peer: peer.name });
    init.onPeer(peer.name, up);
  };

  const lost = (peer: Peer, channel: Channel, stream: Stream): void => {
    const outbound = peer.outbound[channel];
    if (outbound.stream !== stream) return;
    outbound.outbox?.close();
    delete outbound.outbox;
    delete outbound.stream;
    const time = now();
    outbound.failures = time - outbound.openedAt < settledMs ? outbound.failures + 1 : 0;
    outbound.nextOpen = time + backoff(Math.max(1, outbound.failures));
    refresh(peer);
  };

  const adopt = (peer: Peer, channel: Channel, stream: Stream): void => {
    const outbound = peer.outbound[channel];
    const stranger = !isValidator(peer.name);
    const bound = channel === "consensus" ? limits.consensusQueueBytes : limits.syncQueueBytes;
    outbound.stream = stream;
    outbound.openedAt = now();
    outbound.outbox = createOutbox({
      stream,
      maxBytes: () => (isValidator(peer.name) ? bound : limits.strangerQueueBytes),
      mayQueue: (bytes) => !stranger || strangerQueued + bytes <= limits.strangerQueuesBytes,
      onQueued: (delta) => {
        if (stranger) strangerQueued += delta;
      },
      counters,
      now,
    });
    stream.addEventListener("close", () => lost(peer, channel, stream));
    counters.streamsOpened += 1;
    refresh(peer);
  };

  const open = async (peer: Peer, channel: Channel): Promise<void> => {
    const outbound = peer.outbound[channel];
    const connection = init.connections(peer.id).find(({ status }) => status === "open");
    if (connection === undefined || outbound.opening || outbound.stream !== undefined) return;
    outbound.opening = true;
    try {
      // on this connection, never by dialling: a peer that refuses us would be dialled in a tight loop
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(openTimeoutMs)]);
      const stream = await connection.newStream(protocols[channel], { signal, maxOutboundStreams: 2 });
      if (stopping.signal.aborted || peers.get(peer.name) !== peer || !mayUse(peer, channel)) stream.abort(new Error("no longer wanted"));
      else if (stream.writeStatus === "writable") adopt(peer, channel, stream);
    } catch (error) {
      counters.streamOpenFailures += 1;
      outbound.failures += 1;
      outbound.nextOpen = now() + backoff(outbound.failures);
      const foreign = error instanceof Error && error.name === "UnsupportedProtocolError" && channel === "sync";
      if (foreign && peers.get(peer.name) === peer) init.onForeign(peer.name);
    } finally {
      outbound.opening = false;
    }
  };

  const openWanted = (peer: Peer): void => {
    for (const channel of channels) {
      const outbound = peer.outbound[channel];
      const wanted = outbound.stream === undefined && !outbound.opening && now() >= outbound.nextOpen && mayUse(peer, channel);
      if (wanted) void open(peer, channel);
    }
  };

  const disconnect = (peer: PeerName, reason: string): void => {
    const entry = peers.get(peer);
    if (entry === undefined) return;
    log("info", "peer disconnected by us", { peer, reason });
    for (const connection of init.connections(entry.id)) connection.abort(new Error(reason));
  };

  const flooded = (peer: Peer): void => {
    const time = now();
    if (time - peer.floodSince > floodWindowMs) {
      peer.floodSince = time;
      peer.floodDrops = 0;
    }
    peer.floodDrops += 1;
    if (peer.floodDrops === limits.strangerDropsBeforeBan) init.onFlood(peer.name);
  };

  const entryFor = (id: PeerId): Peer => {
    const name = toPeerName(id.toString());
    const time = now();
    const entry = peers.get(name) ?? {
      name,
      id,
      since: time,
      outbound: { consensus: createOutbound(), sync: createOutbound() },
      inbound: {},
      frames: createTokenBucket(limits.strangerFramesPerSecond, limits.strangerFrameBurst, now),
      bytes: createTokenBucket(limits.strangerBytesPerSecond, limits.strangerByteBurst, now),
      seen: time,
      up: false,
      floodDrops: 0,
      floodSince: time,
    };
    peers.set(name, entry);
    return entry;
  };

  const accept = (stream: Stream, connection: Connection, channel: Channel): void => {
    if (connection.status !== "open") {
      stream.abort(new Error("its connection is closing"));
      return;
    }
    const peer = entryFor(connection.remotePeer);
    if (!mayUse(peer, channel)) {
      counters.rejectedStreams += 1;
      stream.abort(new Error("this protocol is between validators"));
      return;
    }
    peer.inbound[channel]?.abort("replaced by a newer stream");
    peer.seen = now();
    const inbound: InboundStream = readInbound({
      stream,
      channel,
      limits,
      counters,
      now,
      partials,
      frames: peer.frames,
      bytes: peer.bytes,
      trusted: () => isValidator(peer.name),
      onBytes: () => {
        peer.seen = now();
      },
      onFrame: (frame) => {
        if (init.isCut.from(peer.name)) counters.droppedCut += 1;
        else init.onFrame(peer.name, channel, frame);
      },
      onFlood: () => flooded(peer),
      onMalformed: (reason) => init.onMalformed(peer.name, reason),
      onClose: () => {
        if (peer.inbound[channel] === inbound) delete peer.inbound[channel];
      },
    });
    peer.inbound[channel] = inbound;
  };

  const disconnected = (name: PeerName): void => {
    const peer = peers.get(name);
    if (peer === undefined) return;
    peers.delete(name);
    for (const channel of channels) peer.outbound[channel].outbox?.close();
    refresh(peer);
  };

  const inspect = (peer: Peer, lagMs: number): void => {
    const time = now();
    if (time - peer.since > settledMs && init.connections(peer.id).length === 0) {
      // a stream was accepted on a connection that closed in the same turn
      disconnected(peer.name);
      return;
    }
    openWanted(peer);
    refresh(peer);
    for (const channel of channels) peer.inbound[channel]?.checkAge();
    for (const channel of channels) {
      const stuck = peer.outbound[channel].outbox?.stuckSince();
      if (stuck === undefined || time - stuck < limits.slowPeerMs) continue;
      counters.disconnectedSlow += 1;
      disconnect(peer.name, "too slow: its queue stayed full");
      return;
    }
    if (limits.deadMs === 0) return;
    // while we stood still, what the peer sent was waiting in the socket: not its silence
    peer.seen = Math.min(time, peer.seen + lagMs);
    const allowed = time - peer.since < limits.firstDeadMs ? limits.firstDeadMs : limits.deadMs;
    if (time - peer.seen <= allowed) return;
    counters.disconnectedSilent += 1;
    disconnect(peer.name, "silent");
    peer.seen = time;
  };

  return {
    connected(connection) {
      const peer = entryFor(connection.remotePeer);
      openWanted(peer);
    },
    disconnected,
    accept,
    send(to, channel, frame) {
      const peer = peers.get(to);
      const outbox = peer?.outbound[channel].outbox;
      if (outbox === undefined) {
        counters.droppedNoChannel += 1;
        return false;
      }
      if (frame.byteLength === 0 || frame.byteLength > (channel === "consensus" ? limits.maxConsensusFrameBytes : limits.maxSyncFrameBytes)) {
        counters.droppedOversize += 1;
        return false;
      }
      if (init.isCut.to(to)) {
        counters.droppedCut += 1;
        return false;
      }
      return outbox.send(frame);
    },
    isUp: (peer) => peers.get(peer)?.up ?? false,
    queuedBytes: (peer) => {
      const entry = peers.get(peer);
      return entry === undefined ? 0 : channels.reduce((sum, channel) => sum + (entry.outbound[channel].outbox?.queuedBytes() ?? 0), 0);
    },
    peers: () => peers.entries(),
    validatorsChanged() {
      for (const peer of peers.values()) {
        if (!mayUse(peer, "consensus")) {
          peer.outbound.consensus.stream?.abort(new Error("no longer between validators"));
          peer.inbound.consensus?.abort("no longer between validators");
        }
        openWanted(peer);
        refresh(peer);
      }
    },
    disconnect,
    tick(lagMs) {
      for (const peer of [...peers.values()]) inspect(peer, lagMs);
    },
    stop() {
      stopping.abort();
      for (const peer of peers.values()) {
        for (const channel of channels) {
          peer.outbound[channel].stream?.abort(new Error("stopping"));
          peer.inbound[channel]?.abort("stopping");
        }
      }
    },
  };
};

/** 100 ms, doubling to 2 s */
const backoff = (failures: number): number => Math.min(2000, 50 * 2 ** Math.min(failures, 10));
