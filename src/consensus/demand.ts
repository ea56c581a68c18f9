/**
 * The first, retractable half of a view change: a replica says in its heartbeat that it would rather be in the next view, and goes
 * on working. Only f+1 such demands bind anybody, so a lone slow or paused replica never leaves its view (PROTOCOL §5).
 */
import { nextView } from "../protocol/ids.ts";
import { mayVote, type State, type Turn } from "./state.ts";

/**
 * `proof`: the primary cheats; `straggler`: somebody is between views and not followed (`stragglers.ts`), both whatever is ordered meanwhile. `patience`:
 * something is overdue, or slow.
 */
export type DemandCause = "proof" | "straggler" | "patience";

/** Of the next view, unless it is said of which. Idempotent; does nothing without a reachable quorum: views are not climbed alone. */
export const demandNextView = (turn: Turn, cause: DemandCause, view = nextView(turn.state.view)): void => {
  const { state } = turn;
  if (!mayVote(state) || !state.quorumReachable) return;
  if (cause !== "patience") state.demandHolds = true;
  if (state.demand > state.view) return;
  state.demand = view;
  turn.effects.push({ type: "send-status" });
};

/** What was overdue has come: the demand is taken back, unless it was for something else, or for the primary's pace. */
export const retractDemand = (state: State): void => {
  if (state.active && !state.demandHolds && !state.pace.isSlow) state.demand = state.view;
};
