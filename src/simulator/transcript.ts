/** What happened in a universe, in lines that people read: who said what to whom, what failed, who died and came back. */
import { decodeConsensusFrame, decodeSyncFrame, type ConsensusFrame } from "../wire/frames.ts";
import type { Fault } from "./faults.ts";

export interface Transcript {
  delivered(atUs: number, from: number, to: number, frame: Uint8Array): void;
  fault(fault: Fault): void;
  /** anything else */
  note(atUs: number, text: string): void;
  /** the latest lines, oldest first */
  readonly lines: readonly string[];
}

const short = (digest: string): string => digest.slice(0, 8);

const describeConsensus = ({ kind, signed }: ConsensusFrame): string => {
  switch (kind) {
    case "proposal":
    case "prepare":
    case "commit": {
      const { replica, view, sequence, digest } = signed.message;
      return `${kind === "proposal" ? "PRE-PREPARE" : kind.toUpperCase()} of #${replica}, view ${view}, sequence ${sequence}, ${short(digest)}`;
    }
    case "checkpoint":
      return `CHECKPOINT of #${signed.message.replica}, sequence ${signed.message.sequence}, ${short(signed.message.stateRoot)}`;
    case "view-change": {
      const { replica, view, stable, prepared } = signed.message;
      const carried = prepared.map((each) => `${each.sequence} of view ${each.view}`).join(", ");
      return `VIEW-CHANGE of #${replica} to view ${view}, stable ${stable.sequence}, prepared [${carried}]`;
    }
    case "new-view": {
      const { replica, view, viewChanges, proposals } = signed.message;
      const proposed = proposals.map((each) => `${each.sequence} ${short(each.digest)}`).join(", ");
      return `NEW-VIEW of #${replica}, view ${view}, from ${viewChanges.map((each) => `#${each.message.replica}`).join(" ")}, proposes [${proposed}]`;
    }
  }
};

const describeFrame = (frame: Uint8Array): string => {
  const consensus = decodeConsensusFrame(frame);
  if (consensus.ok) return describeConsensus(consensus.value);
  const sync = decodeSyncFrame(frame);
  if (!sync.ok) return `${frame.length} bytes that are ${sync.error.reason}`;
  const { value } = sync;
  if (value.kind === "status") return `status: view ${value.view}, executed ${value.executed}`;
  if (value.kind === "relay") return `relay of ${value.requests.map(({ id }) => short(id)).join(" ")}`;
  return value.kind;
};

/** @param most lines that are kept; the oldest go first */
export const createTranscript = (most: number): Transcript => {
  let kept: string[] = [];
  const add = (atUs: number, text: string): void => {
    kept.push(`${(atUs / 1000).toFixed(3).padStart(10)} ms  ${text}`);
    if (kept.length >= 2 * most) kept = kept.slice(-most);
  };
  return {
    delivered: (atUs, from, to, frame) => add(atUs, `#${from} → #${to}  ${describeFrame(frame)}`),
    fault: ({ number, kind, at }) => add(at, `fault ${number}: ${kind}`),
    note: add,
    get lines() {
      return kept.slice(-most);
    },
  };
};
