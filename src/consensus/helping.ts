/** What a peer lacks, as its heartbeat shows, is told to it again at a bounded rate (PROTOCOL §3). */
import type { ReplicaIndex } from "../protocol/ids.ts";
import type { Turn } from "./state.ts";

/** Sends our NEW-VIEW and our stable checkpoint to a peer that is behind in either; at most once in `repeatMs` a peer. */
export const repeatTo = (turn: Turn, to: ReplicaIndex): void => {
  const { state, time, effects } = turn;
  const peer = state.peers.get(to);
  if (peer === undefined || time.now - peer.helpedAt < state.config.settings.repeatMs) return;
  peer.helpedAt = time.now;
  const status = peer.status;
  const lacksView = status === undefined || status.view < state.view || (status.view === state.view && !status.active);
  if (state.active && state.newView !== undefined && lacksView) {
    effects.push({ type: "repeat", to: [to], message: { kind: "signed-new-view", signed: state.newView } });
  }
  if (state.stable.signatures.length > 0 && (status === undefined || status.stable < state.stable.sequence)) {
    effects.push({ type: "send-stable", to, certificate: state.stable });
  }
};
