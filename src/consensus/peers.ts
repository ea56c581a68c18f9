/** What a replica learns of its peers: their heartbeats, and who of them is reached (PROTOCOL §3, §6). */
import { boundAmnesia } from "./amnesia.ts";
import { fetchIfBehind } from "./catch-up.ts";
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
  boundAmnesia(state, from, status);
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
