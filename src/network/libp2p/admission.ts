/**
 * Who may hold a connection. Validators have places of their own; everybody else shares a bounded number, of which one address gets a
 * part. Blames that add up, and floods, close the door for a while. Validators are only counted here: what to do about one of them is
 * decided by those who look at more than one node's opinion (PROTOCOL §14).
 */
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Shared } from "./shared.ts";

export interface Admission {
  readonly gater: ConnectionGater;
  /** true when we may not talk to this peer now, in either direction */
  refuses(peer: PeerName): boolean;
  /** Counts one blame; true when it closes the door. Never for a validator. */
  blame(peer: PeerName): boolean;
  /** Closes the door on a non-validator for the next, longer while; false for a validator. */
  ban(peer: PeerName): boolean;
  /** Refuses a peer, a validator too, for `ms`. */
  isolate(peer: PeerName, ms: number): void;
  /** Refuses a peer for `ms` without counting it as misbehaviour. */
  refuseFor(peer: PeerName, ms: number): void;
  /** Takes a place; false when there is none, then the connection must be aborted. */
  opened(connection: Connection): boolean;
  closed(connection: Connection): void;
  setCut(peers: readonly PeerName[]): void;
  isCut(peer: PeerName): boolean;
}

export interface AdmissionInit extends Shared {
  readonly self: PeerName;
  readonly isValidator: (peer: PeerName) => boolean;
}

interface Standing {
  blames: number;
  windowStart: number;
  bans: number;
  refusedUntil: number;
  /** the same for validators too */
  isolatedUntil: number;
}

const ipOf = (address: { toString(): string }): string => /^\/ip[46]\/([^/]+)/.exec(address.toString())?.[1] ?? "";
const isLoopback = (ip: string): boolean => ip.startsWith("127.") || ip === "::1" || ip === "::ffff:7f00:1";

interface Pending {
  readonly ip: string;
  readonly connection: MultiaddrConnection;
  readonly since: number;
}

/** Inbound handshakes under way, in all and by address; one entry per socket, removed when it is done or closed, the oldest first. */
const createPending = ({ limits, counters, now }: AdmissionInit) => {
  const pending = new Map<string, Pending>();
  const byIp = new Map<string, number>();
  const done = (socket: string): void => {
    const ip = pending.get(socket)?.ip;
    if (ip === undefined) return;
    pending.delete(socket);
    const left = (byIp.get(ip) ?? 1) - 1;
    if (left > 0) byIp.set(ip, left);
    else byIp.delete(ip);
  };
  /** Ends the one that has been under way for longest, of this address if there is one, when that is too long. */
  const makeRoom = (ip?: string): boolean => {
    for (const [socket, oldest] of pending) {
      if (ip !== undefined && oldest.ip !== ip) continue;
      if (now() - oldest.since < limits.staleHandshakeMs) return false;
      counters.refusedPlaces += 1;
      done(socket);
      oldest.connection.abort(new Error("the handshake takes too long while others wait"));
      return true;
    }
    return false;
  };
  return {
    done,
    begin(connection: MultiaddrConnection): boolean {
      const socket = connection.remoteAddr.toString();
      const ip = ipOf(connection.remoteAddr);
      if ((byIp.get(ip) ?? 0) >= limits.maxPendingInboundPerIp && !makeRoom(ip)) return false;
      if (pending.size >= limits.maxPendingInbound && !makeRoom()) return false;
      pending.set(socket, { ip, connection, since: now() });
      byIp.set(ip, (byIp.get(ip) ?? 0) + 1);
      connection.addEventListener("close", () => done(socket));
      return true;
    },
  };
};

/** Blames and refusals by peer; the oldest entry is forgotten at `maxBookkeptPeers`. */
const createStandings = ({ limits, isValidator, counters, now }: AdmissionInit) => {
  const standings = new Map<PeerName, Standing>();
  const standing = (peer: PeerName): Standing => {
    let found = standings.get(peer);
    if (found === undefined) {
      const oldest = standings.size >= limits.maxBookkeptPeers ? standings.keys().next().value : undefined;
      if (oldest !== undefined) standings.delete(oldest);
      found = { blames: 0, windowStart: now(), bans: 0, refusedUntil: -Infinity, isolatedUntil: -Infinity };
      standings.set(peer, found);
    }
    return found;
  };
  const ban = (peer: PeerName): boolean => {
    if (isValidator(peer)) return false;
    const entry = standing(peer);
    const length = Math.min(limits.maxBanMs, limits.banMs * 2 ** Math.min(entry.bans, 20));
    entry.refusedUntil = Math.max(entry.refusedUntil, now() + length);
    entry.bans += 1;
    entry.blames = 0;
    counters.bans += 1;
    return true;
  };
  return {
    ban,
    blame(peer: PeerName): boolean {
      const entry = standing(peer);
      if (now() - entry.windowStart > limits.blameWindowMs) {
        entry.windowStart = now();
        entry.blames = 0;
      }
      entry.blames += 1;
      return entry.blames >= limits.blamesBeforeBan && ban(peer);
    },
    refuseFor(peer: PeerName, ms: number): void {
      const entry = standing(peer);
      entry.refusedUntil = Math.max(entry.refusedUntil, now() + ms);
    },
    isolate(peer: PeerName, ms: number): void {
      const entry = standing(peer);
      entry.isolatedUntil = Math.max(entry.isolatedUntil, now() + ms);
    },
    refused(peer: PeerName): boolean {
      const entry = standings.get(peer);
      if (entry === undefined) return false;
      return Math.max(isValidator(peer) ? -Infinity : entry.refusedUntil, entry.isolatedUntil) > now();
    },
  };
};

interface Place {
  connections: Set<string>;
  ip: string;
}

/** The admission policy of one node, behind libp2p's connection gater. Its hooks are synchronous and never throw. */
export const createAdmission = (init: AdmissionInit): Admission => {
  const { self, limits, isValidator, counters } = init;
  const standings = createStandings(init);
  const pending = createPending(init);
  const places = new Map<PeerName, Place>();
  let cut: ReadonlySet<PeerName> = new Set();

  const refuses = (peer: PeerName): boolean => peer === self || cut.has(peer) || standings.refused(peer);

  const hasPlace = (peer: PeerName, ip: string): boolean => {
    const held = places.get(peer);
    if (held !== undefined) return held.connections.size < limits.maxConnectionsPerPeer;
    if (isValidator(peer)) return true;
    let strangers = 0;
    let sameIp = 0;
    for (const [name, place] of places) {
      if (isValidator(name)) continue;
      strangers += 1;
      if (place.ip === ip) sameIp += 1;
    }
    return strangers < limits.maxStrangers && (isLoopback(ip) || sameIp < limits.maxStrangersPerIp);
  };

  const denies = (peer: PeerName): boolean => {
    if (cut.has(peer)) counters.refusedCut += 1;
    else if (standings.refused(peer)) counters.refusedBanned += 1;
    return refuses(peer);
  };
  const deniesInbound = (id: PeerId, connection: MultiaddrConnection): boolean => {
    pending.done(connection.remoteAddr.toString());
    const peer = toPeerName(id.toString());
    if (denies(peer)) return true;
    if (hasPlace(peer, ipOf(connection.remoteAddr))) return false;
    counters.refusedPlaces += 1;
    return true;
  };
  /** kad-dht dials whoever its answers name: not when there is no place left for them */
  const deniesDial = (id: PeerId): boolean => {
    const peer = toPeerName(id.toString());
    return refuses(peer) || !hasPlace(peer, "");
  };

  return {
    gater: {
      denyDialPeer: deniesDial,
      denyDialMultiaddr: () => false,
      denyInboundConnection: (connection) => {
        if (pending.begin(connection)) return false;
        counters.refusedPlaces += 1;
        return true;
      },
      denyOutboundConnection: (id) => refuses(toPeerName(id.toString())),
      denyInboundEncryptedConnection: deniesInbound,
      denyOutboundEncryptedConnection: (id) => refuses(toPeerName(id.toString())),
      denyInboundUpgradedConnection: deniesInbound,
      denyOutboundUpgradedConnection: (id) => refuses(toPeerName(id.toString())),
      filterMultiaddrForPeer: () => true,
    },
    refuses,
    blame: standings.blame,
    ban: standings.ban,
    isolate: standings.isolate,
    refuseFor: standings.refuseFor,
    opened(connection) {
      const peer = toPeerName(connection.remotePeer.toString());
      const ip = ipOf(connection.remoteAddr);
      // asked again: several handshakes may have passed the gater while one place was left
      if (refuses(peer) || !hasPlace(peer, ip)) return false;
      const place = places.get(peer) ?? { connections: new Set<string>(), ip };
      place.connections.add(connection.id);
      places.set(peer, place);
      return true;
    },
    closed(connection) {
      const peer = toPeerName(connection.remotePeer.toString());
      const place = places.get(peer);
      place?.connections.delete(connection.id);
      if (place?.connections.size === 0) places.delete(peer);
    },
    setCut(peers) {
      cut = new Set(peers);
    },
    isCut: (peer) => cut.has(peer),
  };
};
