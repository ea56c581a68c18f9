/** A validator whose data was lost, or whose state was wrong: what it may have said, and when none of it matters any more (PROTOCOL §6). */
import { nextView, type ReplicaIndex, type Sequence, type View } from "../protocol/ids.ts";
import type { Status } from "../protocol/messages.ts";
import type { State, Turn } from "./state.ts";
import { leaveView } from "./view-change.ts";

/**
 * The highest low watermark that q validators may have, plus the window: below it an amnesiac may have voted. What they executed counts rather than the
 * watermark they report: the forgotten one may have been the first to see a checkpoint become stable. A report counts once its watermark is proven by a
 * certificate, and no more than the window above the highest proven one, for who caught up may have executed beyond its own: a liar can not keep anybody
 * silent for ever. Views likewise: who asks for a view knows that q, so one honest of any q others, came to the one below it; a report counts once that is proven.
 */
export const boundAmnesia = (state: State, from: ReplicaIndex, { stable, executed, view }: Status): void => {
  const { passive } = state;
  if (passive === undefined || passive.until !== undefined) return;
  const { reports, isForgetful } = passive;
  if (!reports.has(from)) reports.set(from, { stable, executed, view });
  const { checkpointInterval } = state.config.parameters;
  const proven = Math.max(state.stable.sequence, state.target?.sequence ?? 0, state.transfer?.target?.sequence ?? 0);
  const believed = [...reports.values()].filter((report) => report.stable <= proven && (!isForgetful || report.view <= state.view));
  if (believed.length < state.config.committee.quorum) return;
  const highest = Math.min(proven + 2 * checkpointInterval, Math.max(...believed.map((report) => report.executed)));
  passive.until = (highest - (highest % checkpointInterval) + 2 * checkpointInterval) as Sequence;
  passive.view = nextView(Math.max(...believed.map((report) => report.view)) as View);
};

/**
 * Passive until a stable checkpoint passes everything that could have been voted on. A VIEW-CHANGE that it does not remember would be contradicted by a vote in
 * a view below, and by another one for the same view: it comes back with one for a view that it can not have asked for, and the others fetch it from there
 * (`stragglers.ts`), unless they are beyond all that it may have said already. The view is left on disk before the vote is given back.
 */
export const voteAgain = (turn: Turn): void => {
  const { state, effects } = turn;
  const { passive } = state;
  if (passive?.until === undefined || state.stable.sequence < passive.until) return;
  state.passive = undefined;
  if (passive.isForgetful && !(state.active && state.view >= passive.view))
    leaveView(turn, nextView(Math.max(passive.view, state.view) as View));
  effects.push({ type: "save", record: { type: "may-vote" } });
};
