/** The link to one connected peer: both channels, both directions, whether it is up, and when it was last heard. */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Channel } from "../port.ts";
import { readInbound } from "./inbound.ts";
import type { InboundStream, SharedBudget } from "./inbound.ts";
import { createOutbound } from "./outbound.ts";
import type { Outbound } from "./outbound.ts";
import type { Shared } from "./shared.ts";
import { createTokenBucket } from "./token-bucket.ts";

export const channels: readonly Channel[] = ["consensus", "sync"];

export interface PeerLinkInit extends Shared {
  readonly protocols: Readonly<Record<Channel, string>>;
  readonly isValidator: (peer: PeerName) => boolean;
  readonly selfIsValidator: () => boolean;
  /** a test network's cuts: frames that come from a peer, and those that go to it, are lost */
  readonly isCut: { readonly from: (peer: PeerName) => boolean; readonly to: (peer: PeerName) => boolean };
  /** a client that asks, and is not expected to say anything else */
  readonly isVisiting: (peer: PeerName) => boolean;
  readonly connections: (id: PeerId) => readonly Connection[];
  readonly onFrame: (from: PeerName, channel: Channel, frame: Uint8Array) => void;
  readonly onPeer: (peer: PeerName, up: boolean) => void;
  readonly onMalformed: (peer: PeerName, reason: string) => void;
  readonly onFlood: (peer: PeerName) => void;
  /** the peer does not speak this network's protocols */
  readonly onForeign: (peer: PeerName) => void;
}

/** Bytes that all non-validators together have waiting here, in either direction. */
export interface StrangerBudget {
  readonly partials: SharedBudget;
  queued: number;
}

export interface PeerLink {
  readonly id: PeerId;
  readonly name: PeerName;
  /** milliseconds, monotonic */
  readonly since: number;
  isUp(): boolean;
  send(channel: Channel, frame: Uint8Array): boolean;
  queuedBytes(): number;
  accept(stream: Stream, channel: Channel): void;
  /** Whether the rate of a peer that is no validator lets one more frame, or message of gossip, through; what it does not is counted, and closes the door when it adds up. */
  mayBring(bytes: number): boolean;
  /** Opens what should be open and is due, and says so when the peer is up or down. */
  refresh(): void;
  /** Closes what the peer is no longer entitled to, opens what it now is. */
  validatorsChanged(): void;
  /** Why the peer should be cut off now, if it should. `lagMs`: how long our own event loop stood still. */
  inspect(lagMs: number): "silent" | "slow" | undefined;
  /** Aborts every connection of the peer. */
  disconnect(reason: string): void;
  /** The last connection is gone. */
  close(): void;
}

const floodWindowMs = 10_000;
/** so long may one stay that speaks none of this network's protocols: who asks for the genesis does not know their names yet */
const guestMs = 2_000;

/** Calls `onFlood` once when frames over the rate add up within the window. */
const createFloodGate = ({ limits, now }: Shared, onFlood: () => void): (() => void) => {
  let drops = 0;
  let since = now();
  return () => {
    if (now() - since > floodWindowMs) {
      since = now();
      drops = 0;
    }
    drops += 1;
    if (drops === limits.strangerDropsBeforeBan) onFlood();
  };
};

/** The outbound halves; only a non-validator's bytes count against the shared budget. */
const createOutbounds = (init: PeerLinkInit, id: PeerId, budget: StrangerBudget, onChange: () => void): Record<Channel, Outbound> => {
  const since = init.now();
  const name = toPeerName(id.toString());
  const { limits } = init;
  const stranger = !init.isValidator(name);
  const create = (channel: Channel, bound: number): Outbound =>
    createOutbound({
      ...init,
      protocol: init.protocols[channel],
      wanted: () => channel === "sync" || (init.selfIsValidator() && init.isValidator(name)),
      connection: () => init.connections(id).find(({ status }) => status === "open"),
      maxBytes: () => (init.isValidator(name) ? bound : limits.strangerQueueBytes),
      mayQueue: (bytes) => !stranger || budget.queued + bytes <= limits.strangerQueuesBytes,
      onQueued: (delta) => {
        if (stranger) budget.queued += delta;
      },
      onChange,
      onUnsupported: () => {
        if (channel === "sync" && init.now() - since >= guestMs) init.onForeign(name);
      },
    });
  return { consensus: create("consensus", limits.consensusQueueBytes), sync: create("sync", limits.syncQueueBytes) };
};

/** The link to a peer that has just connected. */
export const createPeerLink = (init: PeerLinkInit, id: PeerId, budget: StrangerBudget): PeerLink => {
  const { limits, counters, log, now } = init;
  const name = toPeerName(id.toString());
  const since = now();
  const inbound: Partial<Record<Channel, InboundStream>> = {};
  const frames = createTokenBucket(limits.strangerFramesPerSecond, limits.strangerFrameBurst, now);
  const bytes = createTokenBucket(limits.strangerBytesPerSecond, limits.strangerByteBurst, now);
  const flooded = createFloodGate(init, () => init.onFlood(name));
  let closed = false;
  let up = false;
  let seen = since;

  const mayBring = (count: number): boolean => {
    if (init.isValidator(name) || (frames.take(1) && bytes.take(count))) return true;
    counters.droppedRate += 1;
    flooded();
    return false;
  };
  const mayUse = (channel: Channel): boolean => channel === "sync" || (init.selfIsValidator() && init.isValidator(name));
  const settle = (): void => {
    const ready = !closed && channels.every((channel) => !mayUse(channel) || outbounds[channel].isSettled());
    if (ready === up) return;
    up = ready;
    log("debug", up ? "peer up" : "peer down", { peer: name });
    init.onPeer(name, up);
  };
  const outbounds = createOutbounds(init, id, budget, settle);

  const refresh = (): void => {
    for (const channel of channels) outbounds[channel].openIfDue();
    settle();
  };

  const accept = (stream: Stream, channel: Channel): void => {
    if (!mayUse(channel)) {
      counters.rejectedStreams += 1;
      stream.abort(new Error("this protocol is between validators"));
      return;
    }
    inbound[channel]?.abort("replaced by a newer stream");
    seen = now();
    const opened: InboundStream = readInbound({
      ...init,
      stream,
      channel,
      partials: budget.partials,
      mayBring,
      trusted: () => init.isValidator(name),
      onBytes: () => {
        seen = now();
      },
      onFrame: (frame) => {
        if (init.isCut.from(name)) counters.droppedCut += 1;
        else init.onFrame(name, channel, frame);
      },
      onMalformed: (reason) => init.onMalformed(name, reason),
      onClose: () => {
        if (inbound[channel] === opened) delete inbound[channel];
      },
    });
    inbound[channel] = opened;
  };

  return {
    id,
    name,
    since,
    isUp: () => up,
    send: (channel, frame) => {
      if (!outbounds[channel].isOpen()) counters.droppedNoChannel += 1;
      else if (init.isCut.to(name)) counters.droppedCut += 1;
      else return outbounds[channel].send(frame);
      return false;
    },
    queuedBytes: () => outbounds.consensus.queuedBytes() + outbounds.sync.queuedBytes(),
    accept,
    mayBring,
    refresh,
    validatorsChanged() {
      if (!mayUse("consensus")) {
        outbounds.consensus.abort("no longer between validators");
        inbound.consensus?.abort("no longer between validators");
      }
      refresh();
    },
    inspect(lagMs) {
      const time = now();
      for (const channel of channels) {
        inbound[channel]?.checkAge();
        if (time - (outbounds[channel].stuckSince() ?? time) >= limits.slowPeerMs) return "slow";
      }
      // while we stood still, what the peer sent was waiting in the socket: that was not its silence
      seen = init.isVisiting(name) ? time : Math.min(time, seen + lagMs);
      const allowed = time - since < limits.firstDeadMs ? limits.firstDeadMs : limits.deadMs;
      if (limits.deadMs === 0 || time - seen <= allowed) return undefined;
      seen = time;
      return "silent";
    },
    disconnect(reason) {
      log("info", "peer disconnected by us", { peer: name, reason });
      for (const connection of init.connections(id)) connection.abort(new Error(reason));
    },
    close() {
      closed = true;
      for (const channel of channels) {
        outbounds[channel].abort("closing");
        outbounds[channel].close();
        inbound[channel]?.abort("closing");
      }
      settle();
    },
  };
};
