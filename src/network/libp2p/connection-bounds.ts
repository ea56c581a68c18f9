/**
 * What one connection may bring and owe, below libp2p's streams, where Yamux and Noise have no bounds of their own: a frame is kept until it is whole however
 * long it says it is, each ping is answered, and answers wait for as long as nobody reads them. Reaches into objects whose types do not show the members used;
 * where a version lacks them, libp2p works as it comes.
 */
import type { Connection, MessageStream } from "@libp2p/interface";
import type { FrameHeader } from "@libp2p/yamux";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { NetworkHandlers } from "../port.ts";
import type { Shared } from "./shared.ts";

export interface ConnectionBounds {
  opened(connection: Connection): void;
  closed(connection: Connection): void;
  /** Counts each frame of the channels for the connection that is being read. */
  counting(onFrame: NetworkHandlers["onFrame"]): NetworkHandlers["onFrame"];
  /** Every 100 ms: cuts off who does not take what waits for it. */
  tick(): void;
}

export interface ConnectionBoundsInit extends Shared {
  readonly isValidator: (peer: PeerName) => boolean;
}

/** Yamux's window, which is never made larger here, and a header: no frame of a correct peer is longer */
const maxMuxerFrameBytes = 256 * 1024 + 12;
/** what a frame of the muxer counts as, beside its bytes, and one that opens a stream: both cost time, not memory */
const frameCost = 1024;
const openCost = 16 * 1024;
/** what a frame of ours counts as, of a validator: of strangers fewer are taken in a second than this would allow */
const channelFrameCost = 2 * 1024;
/** of a validator so many bytes count as one */
const validatorBytesEach = 4;
/** Yamux's flag for a new stream */
const synFlag = 1;
/** ping frames are of this type, and may carry the same flag */
const pingType = 2;

/** Noise's connection, whose type hides that it can be paused */
type Secured = MessageStream & { readonly readStatus?: string };

interface Muxer {
  readonly maConn?: Secured;
  readonly decoder?: { readonly buffer?: { readonly byteLength: number } };
  onData?: (data: { readonly byteLength: number }) => void;
  handleFrame?: (frame: { readonly header: FrameHeader }) => void;
}

/** what was read together may cost more than is left; no debt is larger than this, seconds: a flood is cut off for its silence before, who asks as a client waits */
const maxDebtSeconds = 10;

type Allowance = (cost: number) => number;

/** @returns `spend`, which says how long to wait until it is paid, milliseconds */
const createAllowance = (perSecond: number, now: () => number): Allowance => {
  const burst = 4 * perSecond;
  let left = burst;
  let at = now();
  return (cost) => {
    const time = now();
    left = Math.min(burst, left + ((time - at) * perSecond) / 1000);
    at = time;
    left = Math.max(left - cost, -maxDebtSeconds * perSecond);
    return left >= 0 ? 0 : (-left * 1000) / perSecond;
  };
};

interface Held {
  readonly connection: Connection;
  readonly peer: PeerName;
  readonly secured: Secured;
  /** when nothing waited last */
  flowedAt: number;
  resting?: NodeJS.Timeout;
}

/** Reads no more of it for a while; what it goes on to send waits at its end. */
const rest = (held: Held, ms: number): void => {
  const { secured } = held;
  if (held.resting !== undefined || secured.readStatus !== "readable") return;
  secured.pause();
  held.resting = setTimeout(() => {
    delete held.resting;
    if (secured.readStatus === "paused") secured.resume();
  }, ms);
};

const unsentIn = ({ connection, secured }: Held): number => {
  const below = (connection as unknown as { maConn?: MessageStream }).maConn;
  return secured.writeBufferLength + (below?.writeBufferLength ?? 0);
};

/** The bounds on all connections of one node. */
export const createConnectionBounds = (init: ConnectionBoundsInit): ConnectionBounds => {
  const { limits, counters, log, now, isValidator } = init;
  /** one for each connection, whose number admission bounds */
  const all = new Map<string, Held>();
  const strangersTogether = createAllowance(limits.strangersReadBytesPerSecond, now);
  /** one for each that is, or was, a validator: who connects anew goes on where he was */
  const validators = new Map<PeerName, Allowance>();
  const validatorSpends = (peer: PeerName, cost: number): number => {
    const spend = validators.get(peer) ?? createAllowance(limits.validatorReadBytesPerSecond, now);
    validators.set(peer, spend);
    return spend(cost);
  };
  /** frames of the channels in what is being read */
  let framesNow = 0;

  const cut = ({ connection, peer }: Held, reason: string): void => {
    log("info", "peer disconnected by us", { peer, reason });
    connection.abort(new Error(reason));
  };

  const bound = (held: Held, muxer: Muxer): void => {
    const { onData, handleFrame, decoder } = muxer;
    if (typeof onData !== "function" || typeof handleFrame !== "function") return;
    const asStranger = createAllowance(limits.strangerReadBytesPerSecond, now);
    let cost = 0;
    let debtMs = 0;
    muxer.handleFrame = (frame) => {
      const { flag, type } = frame.header;
      cost += type !== pingType && (flag & synFlag) === synFlag ? openCost : frameCost;
      handleFrame.call(muxer, frame);
    };
    muxer.onData = (data) => {
      cost = 0;
      framesNow = 0;
      onData.call(muxer, data);
      if ((decoder?.buffer?.byteLength ?? 0) > maxMuxerFrameBytes) {
        counters.disconnectedFlood += 1;
        return cut(held, "a frame of the muxer is longer than its window");
      }
      const ms = isValidator(held.peer)
        ? validatorSpends(held.peer, cost + framesNow * channelFrameCost + data.byteLength / validatorBytesEach)
        : Math.max(asStranger(cost + data.byteLength), strangersTogether(cost + data.byteLength));
      if (ms === 0) return;
      if (debtMs === 0) {
        counters.restedConnections += 1;
        // not at once: who is reading on after a rest would pass the pause by
        queueMicrotask(() => {
          rest(held, debtMs);
          debtMs = 0;
        });
      }
      debtMs = ms;
    };
  };

  const isSlow = (held: Held, time: number): boolean => {
    if (!held.secured.writableNeedsDrain) held.flowedAt = time;
    return time - held.flowedAt >= limits.slowPeerMs || unsentIn(held) > limits.maxUnsentBytes;
  };

  /** Where all non-validators together are owed too much, the one that is owed most goes. */
  const relieve = (): void => {
    const owed = (held: Held): number => held.connection.streams.reduce((sum, stream) => sum + stream.writeBufferLength, unsentIn(held));
    let total = 0;
    let [most, mostBytes]: [Held | undefined, number] = [undefined, 0];
    for (const held of all.values()) {
      if (isValidator(held.peer)) continue;
      const bytes = owed(held);
      total += bytes;
      if (bytes > mostBytes) [most, mostBytes] = [held, bytes];
    }
    if (most === undefined || total <= limits.strangersUnsentBytes) return;
    counters.disconnectedSlow += 1;
    cut(most, "non-validators do not take what waits for them");
  };

  return {
    opened(connection) {
      const muxer = (connection as unknown as { muxer?: Muxer }).muxer;
      const secured = muxer?.maConn;
      if (muxer === undefined || secured === undefined) return;
      const held: Held = { connection, peer: toPeerName(connection.remotePeer.toString()), secured, flowedAt: now() };
      all.set(connection.id, held);
      secured.addEventListener("drain", () => {
        held.flowedAt = now();
      });
      bound(held, muxer);
    },
    closed({ id }) {
      clearTimeout(all.get(id)?.resting);
      all.delete(id);
    },
    counting: (onFrame) => (from, channel, frame) => {
      framesNow += 1;
      onFrame(from, channel, frame);
    },
    tick() {
      const time = now();
      for (const held of all.values()) {
        if (!isSlow(held, time)) continue;
        counters.disconnectedSlow += 1;
        cut(held, "does not take what waits for it");
      }
      relieve();
    },
  };
};
