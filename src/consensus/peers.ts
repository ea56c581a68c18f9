/** What a replica learns of its peers: their heartbeats, and who of them is reached (PROTOCOL §3, §6). */
import type { ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { Status } from "../protocol/messages.ts";
import { fetchIfBehind } from "./catch-up.ts";
import { voteAgainAfterAmnesia } from "./checkpoints.ts";
import { retractDemand } from "./demand.ts";
import { viewByHearsay } from "./hearsay.ts";
import { repeatTo } from "./helping.ts";
import type { Input } from "./input.ts";
import { reject, type State, type Turn } from "./state.ts";
import { followDemands, forgetSlotsOfOldView } from "./view-change.ts";

/** A heartbeat is a hint: it may make us help its sender, ask it for batches, or count it among those who want another view. */
export const handleStatus = (turn: Turn, input: Extract<Input, { type: "status" }>): void => {
  const { state } = turn;
  const { status, from } = input;
  const peer = state.peers.get(from);
  if (peer === undefined || status.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  peer.status = status;
  const lacksView = state.active && (status.view < state.view || (status.view === state.view && !status.active));
  if (lacksView || status.stable < state.stable.sequence) repeatTo(turn, from);
  followDemands(turn);
  boundAmnesia(turn, from, status);
  if (state.config.self === undefined) followHearsay(state);
  fetchIfBehind(turn);
};

/** Which validators have a live channel: without a quorum of them nothing is timed and no view is climbed (PROTOCOL §5). */
export const handleReachable = (turn: Turn, input: Extract<Input, { type: "reachable" }>): void => {
  const { state, time } = turn;
  const reachable = new Set(input.peers);
  state.reach = [];
  for (const [index, peer] of state.peers) {
    if (peer.reachable && !reachable.has(index)) {
      peer.unreachableSince = time.now;
      peer.status = undefined;
    }
    peer.reachable = reachable.has(index);
    if (peer.reachable) state.reach.push(index);
  }
  const own = state.config.self === undefined ? 0 : 1;
  const quorum = reachable.size + own >= state.config.committee.quorum;
  if (quorum && !state.quorumReachable) {
    state.timersFrom = time.now;
    state.repeatPause = state.config.settings.repeatMs;
    state.repeatAt = time.now;
    if (state.newViewDeadline !== undefined) state.newViewDeadline = time.now + state.patience.requestTimeout();
  }
  if (!quorum) {
    state.pace.restart(time.now);
    retractDemand(state);
  }
  state.quorumReachable = quorum;
};

/** An observer's view is only where it relays to. */
const followHearsay = (state: State): void => {
  const view = viewByHearsay(state);
  if (view === undefined || view === state.view) return;
  // COMMITs of different views are no certificate
  forgetSlotsOfOldView(state);
  state.view = view;
  state.demand = view;
};

/**
 * The highest low watermark that q validators may have, plus the window: below it an amnesiac may have voted (PROTOCOL §6). What they
 * executed counts rather than the watermark they report: the forgotten one may have been the first to see a checkpoint become stable. A report
 * counts once its watermark is proven by a certificate, and no more than the window above the highest proven one, for who caught up may have executed
 * beyond its own: a liar can not keep anybody silent for ever.
 */
const boundAmnesia = (turn: Turn, from: ReplicaIndex, { stable, executed }: Status): void => {
  const { state } = turn;
  if (state.passive === undefined || state.passive.until !== undefined) return;
  const { reports } = state.passive;
  if (!reports.has(from)) reports.set(from, { stable, executed });
  const { checkpointInterval } = state.config.parameters;
  const proven = Math.max(state.stable.sequence, state.target?.sequence ?? 0, state.transfer?.target?.sequence ?? 0);
  const believed = [...reports.values()].filter((report) => report.stable <= proven);
  if (believed.length < state.config.committee.quorum) return;
  const highest = Math.min(proven + 2 * checkpointInterval, Math.max(...believed.map((report) => report.executed)));
  state.passive.until = (highest - (highest % checkpointInterval) + 2 * checkpointInterval) as Sequence;
  voteAgainAfterAmnesia(turn);
};
