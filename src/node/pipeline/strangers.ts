/** What is done for those who are no validators: all that the network lets through, and nothing while memory is short, since they can ask another node. */
import type { NetworkHandlers } from "../../network/port.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Counters } from "../counters.ts";

type OnFrame = NetworkHandlers["onFrame"];

/** @returns `onFrame` for everybody, or while memory is short for validators alone; what is dropped is counted */
export const refuseStrangers = (
  onFrame: OnFrame,
  { validators }: Committee,
  exhausted: () => boolean,
  counters: Pick<Counters, "count">,
): OnFrame => {
  const known = new Set<PeerName>(validators.map(({ peer }) => peer));
  return (from, channel, frame) => {
    if (exhausted() && !known.has(from)) counters.count("dropped.short-of-memory");
    else onFrame(from, channel, frame);
  };
};
