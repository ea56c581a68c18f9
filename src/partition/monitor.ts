/** What a node makes of its peers' signs of life: events in, the state of the links out. No clock, no network (PROTOCOL §10). */
import type { Committee } from "../protocol/committee.ts";
import type { ReplicaIndex } from "../protocol/ids.ts";
import { connectivityOf, type Connectivity } from "./connectivity.ts";
import { createDetector, type Detector } from "./detector.ts";

export type MonitorEvent =
  /** the channels to this validator opened or closed */
  | { readonly type: "link"; readonly peer: ReplicaIndex; readonly up: boolean }
  | { readonly type: "frame"; readonly peer: ReplicaIndex }
  /** its heartbeat, and whom it says it hears */
  | { readonly type: "heartbeat"; readonly peer: ReplicaIndex; readonly reach: readonly ReplicaIndex[] }
  /** at `tickMs` at the latest after the one before, as far as this process is let run */
  | { readonly type: "tick" };

export interface MonitorOptions {
  readonly committee: Committee;
  /** absent on an observer */
  readonly self: ReplicaIndex | undefined;
  /** milliseconds */
  readonly heartbeatMs: number;
  readonly tickMs: number;
}

export interface Monitor {
  /** `now` in monotonic milliseconds. @returns whether what `hears` or `connectivity` say may have changed */
  step(event: MonitorEvent, now: number): boolean;
  /** validators with open channels that show life, ascending, this one excluded: what our own heartbeat says */
  hears(): readonly ReplicaIndex[];
  connectivity(): Connectivity;
  /** what this validator said last on the link that we have to it: whom it hears; empty before that */
  reachOf(peer: ReplicaIndex): readonly ReplicaIndex[];
  /** when this process was last found to have stood still; undefined when it never did */
  readonly stalledAt: number | undefined;
}

interface Peer {
  /** undefined while its channels are closed */
  detector: Detector | undefined;
  since: number;
  suspect: boolean;
  /** what it said last on this link */
  reach: ReadonlySet<ReplicaIndex> | undefined;
  /** it has heard us on this link */
  heardUs: boolean;
  deaf: boolean;
}

/** Ticks that are later than this were not late because of a busy moment: the process stood still. */
const STALL_MS = 1_000;
/** A new link's other end may need so many heartbeats until it counts us; one that did hear us is believed at once when it says it does not. */
const FIRST_HEARTBEATS = 6;

const newPeer = (): Peer => ({ detector: undefined, since: 0, suspect: false, reach: undefined, heardUs: false, deaf: false });

const sameSet = (a: ReadonlySet<ReplicaIndex> | undefined, b: ReadonlySet<ReplicaIndex>): boolean =>
  a?.size === b.size && [...b].every((each) => a.has(each));

export const createMonitor = ({ committee, self, heartbeatMs, tickMs }: MonitorOptions, start: number): Monitor => {
  const peers = new Map<ReplicaIndex, Peer>(
    committee.validators.filter(({ index }) => index !== self).map(({ index }) => [index, newPeer()]),
  );
  let lastTick = start;
  let stalledAt: number | undefined;
  let known: Connectivity | undefined;

  const isHeard = ({ detector, suspect }: Peer): boolean => detector !== undefined && !suspect;
  const hears = (): ReplicaIndex[] => [...peers].filter(([, peer]) => isHeard(peer)).map(([index]) => index);

  const link = (peer: Peer, up: boolean, now: number): boolean => {
    if (up === (peer.detector !== undefined)) return false;
    Object.assign(peer, newPeer(), { detector: up ? createDetector({ heartbeatMs }, now) : undefined, since: now });
    return true;
  };

  const revive = (peer: Peer): boolean => {
    if (!peer.suspect) return false;
    peer.suspect = false;
    return true;
  };

  const judgeHearing = (peer: Peer, now: number): boolean => {
    if (self === undefined || peer.reach === undefined) return false;
    const hearsUs = peer.reach.has(self);
    if (hearsUs) peer.heardUs = true;
    const deaf = !hearsUs && (peer.heardUs || now - peer.since > FIRST_HEARTBEATS * heartbeatMs);
    const changed = deaf !== peer.deaf;
    peer.deaf = deaf;
    return changed;
  };

  const heartbeat = (peer: Peer, said: readonly ReplicaIndex[], now: number): boolean => {
    if (peer.detector === undefined) return false;
    peer.detector.beat(now);
    const reach = new Set(said);
    const changed = !sameSet(peer.reach, reach);
    peer.reach = reach;
    return [changed, revive(peer), judgeHearing(peer, now)].includes(true);
  };

  const tick = (now: number): boolean => {
    const lag = now - lastTick - tickMs;
    lastTick = now;
    if (lag > STALL_MS) stalledAt = now;
    let changed = false;
    for (const peer of peers.values()) {
      if (peer.detector === undefined) continue;
      if (lag > tickMs) peer.detector.stalled(lag);
      const suspect = peer.detector.isSuspect(now);
      if (suspect !== peer.suspect) changed = true;
      peer.suspect = suspect;
      if (judgeHearing(peer, now)) changed = true;
    }
    return changed;
  };

  const apply = (event: MonitorEvent, now: number): boolean => {
    if (event.type === "tick") return tick(now);
    const peer = peers.get(event.peer);
    if (peer === undefined) return false;
    if (event.type === "link") return link(peer, event.up, now);
    if (event.type === "heartbeat") return heartbeat(peer, event.reach, now);
    peer.detector?.heard(now);
    return revive(peer);
  };

  return {
    step(event, now) {
      const changed = apply(event, now);
      if (changed) known = undefined;
      return changed;
    },
    hears,
    reachOf: (peer) => [...(peers.get(peer)?.reach ?? [])],
    connectivity() {
      known ??= connectivityOf({
        n: committee.n,
        quorum: committee.quorum,
        self,
        hears: new Set(hears()),
        reports: new Map([...peers].flatMap(([index, peer]) => (isHeard(peer) && peer.reach !== undefined ? [[index, peer.reach]] : []))),
        deaf: new Set([...peers].filter(([, peer]) => isHeard(peer) && peer.deaf).map(([index]) => index)),
      });
      return known;
    },
    get stalledAt() {
      return stalledAt;
    },
  };
};
