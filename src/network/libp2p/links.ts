/** The links to all connected peers. One entry per peer, whose number admission bounds. */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Channel } from "../port.ts";
import { createPeerLink } from "./peer-link.ts";
import type { PeerLink, PeerLinkInit, StrangerBudget } from "./peer-link.ts";

export interface Links {
  connected(connection: Connection): void;
  disconnected(peer: PeerName): void;
  /** Takes a stream that a peer opened on a channel. */
  accept(stream: Stream, connection: Connection, channel: Channel): void;
  /** Whether a peer's rate lets one more message of gossip through, beside its frames. */
  mayBring(from: PeerName, bytes: number): boolean;
  /** As the port's `send`. */
  send(to: PeerName, channel: Channel, frame: Uint8Array): boolean;
  isUp(peer: PeerName): boolean;
  all(): Iterable<PeerLink>;
  validatorsChanged(): void;
  /** Aborts every connection of the peer, for the given reason. */
  disconnect(peer: PeerName, reason: string): void;
  /** Every 100 ms: opens what failed to open, cuts off who is silent or stuck. `lagMs`: how long our own event loop stood still. */
  tick(lagMs: number): void;
  stop(): void;
}

/** a stream may be accepted in the turn in which its connection closes; its entry goes after this long */
const orphanMs = 1000;

/** The links of one node. */
export const createLinks = (init: PeerLinkInit): Links => {
  const { limits, counters, now } = init;
  const links = new Map<PeerName, PeerLink>();
  const budget: StrangerBudget = { partials: { used: 0 }, queued: 0 };

  const linkTo = (id: PeerId): PeerLink => {
    const name = toPeerName(id.toString());
    const link = links.get(name) ?? createPeerLink(init, id, budget);
    links.set(name, link);
    return link;
  };
  const disconnected = (peer: PeerName): void => {
    const link = links.get(peer);
    links.delete(peer);
    link?.close();
  };
  const maxFrameBytes: Record<Channel, number> = { consensus: limits.maxConsensusFrameBytes, sync: limits.maxSyncFrameBytes };

  return {
    connected: (connection) => linkTo(connection.remotePeer).refresh(),
    disconnected,
    accept(stream, connection, channel) {
      if (connection.status === "open") linkTo(connection.remotePeer).accept(stream, channel);
      else stream.abort(new Error("its connection is closing"));
    },
    mayBring: (from, bytes) => links.get(from)?.mayBring(bytes) ?? true,
    send(to, channel, frame) {
      const link = links.get(to);
      if (link === undefined) counters.droppedNoChannel += 1;
      else if (frame.byteLength === 0 || frame.byteLength > maxFrameBytes[channel]) counters.droppedOversize += 1;
      else return link.send(channel, frame);
      return false;
    },
    isUp: (peer) => links.get(peer)?.isUp() ?? false,
    all: () => links.values(),
    validatorsChanged() {
      for (const link of links.values()) link.validatorsChanged();
    },
    disconnect: (peer, reason) => links.get(peer)?.disconnect(reason),
    tick(lagMs) {
      for (const link of links.values()) {
        if (now() - link.since > orphanMs && init.connections(link.id).length === 0) {
          disconnected(link.name);
          continue;
        }
        link.refresh();
        const fault = link.inspect(lagMs);
        if (fault === undefined) continue;
        counters[fault === "silent" ? "disconnectedSilent" : "disconnectedSlow"] += 1;
        link.disconnect(fault);
      }
    },
    stop() {
      for (const link of links.values()) link.close();
      links.clear();
    },
  };
};
