/** Whom this node hears and who hears it: the partition room's monitor and episodes between the node's clock and network (PROTOCOL §10). */
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Replica } from "../../consensus/replica.ts";
import type { Network } from "../../network/port.ts";
import type { Connectivity } from "../../partition/connectivity.ts";
import { createEpisodes, type Episode, type EpisodeEvent, type Merge } from "../../partition/episodes.ts";
import { createMonitor, type MonitorEvent } from "../../partition/monitor.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../../protocol/ids.ts";
import type { Clock } from "../clock.ts";
import type { Reconciliation } from "../sharing/reconciliation.ts";

export interface Presence {
  /** call once, when the network can send; says `changed` at once */
  start(): void;
  stop(): void;
  onPeer(peer: PeerName, up: boolean): void;
  onFrame(peer: PeerName): void;
  /** what was just stepped: heartbeats and transfers are read from it */
  stepped(input: Input, effects: readonly Effect[]): void;
  /** validators that this node hears, this one excluded: the `reach` of its heartbeats */
  hears(): readonly ReplicaIndex[];
  /** validators with a link in both directions, this one excluded */
  linked(): readonly ReplicaIndex[];
  connectivity(): Connectivity;
  /** whom this validator hears, as its last heartbeat said */
  reachedBy(index: ReplicaIndex): readonly PeerName[];
  /** the latest partitions, oldest first */
  episodes(): readonly Episode[];
  /** the ledger anchored a shared document */
  anchored(name: string, anchor: { readonly digest: string; readonly sequence: number }): void;
}

export interface PresenceOptions {
  readonly committee: Committee;
  readonly self: ReplicaIndex | undefined;
  readonly network: Pick<Network, "isUp">;
  readonly replica: Pick<Replica, "describe">;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  /** who is linked may have changed */
  readonly changed: () => void;
  /** whom we hear has changed: the others should know at once */
  readonly tell: () => void;
  readonly episode?: (event: EpisodeEvent) => void;
  /** what becomes of the shared documents meanwhile */
  readonly reconciliation?: Pick<Reconciliation, "links" | "report" | "reset">;
  /** nothing of the others' documents has come for a moment */
  readonly merged?: () => boolean;
}

const nothing: Merge = { documents: [], conflicts: [] };

const TICK_MS = 100;

export const createPresence = (options: PresenceOptions): Presence => {
  const { committee, self, clock, heartbeatMs } = options;
  const indexes = new Map<PeerName, ReplicaIndex>(committee.validators.map(({ peer, index }) => [peer, index]));
  const monitor = createMonitor({ committee, self, heartbeatMs, tickMs: TICK_MS }, clock.now());
  const episodes = createEpisodes(clock.now());
  let told = "";
  let cancel: (() => void) | undefined;

  /** At once, not at the next tick: what is written as soon as this node says that it is cut off belongs to its side. */
  const tellSides = (): void => {
    const { sides } = monitor.connectivity();
    options.reconciliation?.links(sides.length > 1 ? sides[0] : undefined);
  };

  const see = (event: MonitorEvent): void => {
    if (!monitor.step(event, clock.now())) return;
    tellSides();
    options.changed();
  };

  const note = (): void => {
    const { executed, behind, halted } = options.replica.describe();
    if (halted?.reason === "conflicting-commit")
      episodes.conflict({ kind: halted.reason, detail: halted.detail, resolution: "this node stopped and kept its own log" });
    const connectivity = monitor.connectivity();
    const { reconciliation } = options;
    tellSides();
    const events = episodes.update({
      now: clock.now(),
      wall: clock.wall(),
      connectivity,
      executed,
      behind,
      stalledAt: monitor.stalledAt,
      merged: options.merged?.() ?? true,
      merge: () => reconciliation?.report() ?? nothing,
    });
    for (const event of events) options.episode?.(event);
    if (!episodes.isOpen) reconciliation?.reset();
  };

  const tick = (): void => {
    see({ type: "tick" });
    const heard = monitor.hears().join();
    // at most once a tick, however fast links come and go
    if (heard !== told) options.tell();
    told = heard;
    note();
    cancel = clock.after(TICK_MS, tick);
  };

  return {
    start() {
      for (const [peer, index] of indexes) if (index !== self) see({ type: "link", peer: index, up: options.network.isUp(peer) });
      options.changed();
      tick();
    },
    stop: () => cancel?.(),
    onPeer(peer, up) {
      const index = indexes.get(peer);
      if (index !== undefined && index !== self) see({ type: "link", peer: index, up });
    },
    onFrame(peer) {
      const index = indexes.get(peer);
      if (index !== undefined) see({ type: "frame", peer: index });
    },
    stepped(input, effects) {
      if (input.type === "status" && input.status.epoch === committee.epoch)
        see({ type: "heartbeat", peer: input.from, reach: input.status.reach });
      if (input.type !== "blocks") return;
      const ran = effects.filter((effect) => effect.type === "execute");
      episodes.transferred(
        ran.length,
        ran.reduce((sum, { batch }) => sum + batch.bytes.length, 0),
      );
    },
    hears: () => monitor.hears(),
    linked: () => monitor.connectivity().reached.filter((index) => index !== self),
    connectivity: () => monitor.connectivity(),
    reachedBy: (index) => monitor.reachOf(index).flatMap((each) => committee.validators[each]?.peer ?? []),
    episodes: () => episodes.list(),
    anchored: (name, anchor) => episodes.anchored(name, anchor),
  };
};
