/** Everything that happens on this node, typed, kept for a while and numbered: the stuff of `/v1/events`. Reads (input, effects) only. */
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Committee } from "../../protocol/committee.ts";
import { culpritsOf } from "../../protocol/evidence.ts";
import type { PeerName, ReplicaIndex } from "../../protocol/ids.ts";
import type { Clock } from "../clock.ts";
import type { Observe } from "../pipeline/engine.ts";
import type { Events, Happening, NodeEvent } from "../feeds.ts";
import { createSampler } from "./sampler.ts";
import type { StatusReport } from "../service.ts";

export interface EventLog extends Events {
  readonly observe: Observe;
  /** what others noticed */
  tell(happening: Happening): void;
  /** a channel came up or went down */
  peer(peer: PeerName, up: boolean): void;
  /** Call it a few times a second: tells what was executed since, and whether something stands in the way. */
  tick(blocked: StatusReport["blocked"]): void;
}

/** Events kept for those who come back; beyond it the oldest goes. */
const KEPT_EVENTS = 1_024;

interface Done {
  sequence: number;
  view: number;
  blocks: number;
  requests: number;
  operations: number;
}

export interface EventLogOptions {
  readonly committee: Committee;
  readonly clock: Pick<Clock, "now" | "wall">;
  readonly keptEvents?: number;
}

export const createEventLog = ({ committee, clock, keptEvents = KEPT_EVENTS }: EventLogOptions): EventLog => {
  /** tells the ids of this life from those of earlier ones */
  const life = clock.wall().toString(36);
  let kept: NodeEvent[] = [];
  let count = 0;
  const wakes = new Set<() => void>();
  const sampler = createSampler(clock.now);
  let executed: Done | undefined;
  let standing: StatusReport["blocked"];

  const nameOf = (index: ReplicaIndex): PeerName | string => committee.validators[index]?.peer ?? String(index);
  const isValidator = (peer: PeerName): boolean => committee.validators.some((validator) => validator.peer === peer);

  const add = (happening: Happening): void => {
    count += 1;
    kept.push({ id: `${life}-${count}`, time: clock.wall(), ...happening });
    // cut in one go now and then, not by shifting every time
    if (kept.length >= 2 * keptEvents) kept = kept.slice(-keptEvents);
    for (const wake of wakes) wake();
  };

  const onExecute = ({ certificate, batch }: Extract<Effect, { type: "execute" }>): void => {
    executed ??= { sequence: 0, view: 0, blocks: 0, requests: 0, operations: 0 };
    executed.sequence = certificate.sequence;
    executed.view = certificate.view;
    executed.blocks += 1;
    executed.requests += batch.requests.length;
    for (const { operations } of batch.requests) executed.operations += operations.length;
  };

  const onReject = ({ input, rejection: { reason, action }, from }: Extract<Effect, { type: "reject" }>): void =>
    sampler(`${input}.${reason}`, (suppressed) =>
      add({ type: "rejected", input, reason, action, ...(from === undefined ? {} : { from: nameOf(from) }), suppressed }),
    );

  const onSave = ({ record }: Extract<Effect, { type: "save" }>): void => {
    if (record.type === "entered-view") {
      const { view, replica } = record.newView.message;
      add({ type: "new_view", view, primary: nameOf(replica) });
    } else if (record.type === "stable") {
      const { sequence, stateRoot, logHash } = record.certificate;
      add({ type: "stable_checkpoint", sequence, stateRoot, logHash });
    } else if (record.type === "may-vote") add({ type: "votes_again" });
  };

  const onAnnounce = (input: Input, { message }: Extract<Effect, { type: "announce" }>): void => {
    if (message.kind === "new-view") add({ type: "new_view", view: message.view, primary: nameOf(message.replica) });
    else add({ type: "view_change", epoch: message.epoch, view: message.view, reason: input.type });
  };

  const onTransfer = (effect: Effect): void => {
    if (effect.type === "begin-transfer") add({ type: "transfer_begun", target: effect.target.sequence });
    else if (effect.type === "state-diverged") add({ type: "state_diverged", sequence: effect.sequence, detail: effect.detail });
    else if (effect.type === "transfer-fault") {
      const { peer, fault } = effect;
      sampler(`${fault}.${peer}`, (suppressed) => add({ type: "transfer_fault", peerId: nameOf(peer), fault, suppressed }));
    }
  };

  return {
    observe(input, effects, replica) {
      if (input.type === "transferred") add({ type: "transferred", sequence: replica.describe().executed });
      for (const effect of effects) {
        if (effect.type === "save") onSave(effect);
        else if (effect.type === "execute") onExecute(effect);
        else if (effect.type === "reject") onReject(effect);
        else if (effect.type === "announce") onAnnounce(input, effect);
        else if (effect.type === "evidence") {
          const { kind } = effect.evidence;
          for (const culprit of culpritsOf(effect.evidence))
            sampler(`${kind}.${culprit}`, () => add({ type: "evidence", kind, culprit: nameOf(culprit) }));
        } else if (effect.type === "halt") add({ type: "halted", reason: effect.reason, detail: effect.detail });
        else onTransfer(effect);
      }
    },
    tell: add,
    peer: (peer, up) => add({ type: up ? "peer_up" : "peer_down", peerId: peer, role: isValidator(peer) ? "validator" : "observer" }),
    tick(blocked) {
      if (executed !== undefined) add({ type: "executed", ...executed });
      executed = undefined;
      if (blocked?.reason === standing?.reason) return;
      if (standing !== undefined)
        add({ type: "unblocked", reason: standing.reason, milliseconds: Math.max(0, clock.wall() - standing.since) });
      if (blocked !== undefined) add({ type: "blocked", reason: blocked.reason, waitingFor: blocked.waitingFor });
      standing = blocked;
    },
    read(after, limit) {
      const [, prefix, number] = /^(.+)-(\d{1,15})$/.exec(after) ?? [];
      const oldest = count - kept.length;
      const known = prefix === life ? Number(number) : -1;
      const lost = known < oldest || known > count;
      const from = lost ? 0 : known - oldest;
      return { events: kept.slice(from, from + limit), lost };
    },
    subscribe(wake) {
      wakes.add(wake);
      return () => void wakes.delete(wake);
    },
    get last() {
      return `${life}-${count}`;
    },
  };
};
