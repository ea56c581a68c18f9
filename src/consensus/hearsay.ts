/** What others say of their view: good enough to know whom to relay to, never to vote on. */
import type { View } from "../protocol/ids.ts";
import type { State } from "./state.ts";

/** The highest view that f+1 validators say they are active in, so that one honest one is. */
export const viewByHearsay = (state: State): View | undefined => {
  const views = [...state.peers.values()].flatMap(({ status }) => (status?.active === true ? [status.view] : []));
  return views.sort((a, b) => b - a)[state.config.committee.f];
};
