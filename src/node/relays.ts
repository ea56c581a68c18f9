/** Requests on their way to the primary, or to everybody (PROTOCOL §3.1): those of one turn of the event loop share a frame. */
import type { ReplicaIndex } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Request } from "../protocol/messages.ts";
import { oncePerTurn } from "./once-per-turn.ts";

export interface Relays {
  /** They leave at the end of this turn, in the order they came; what waits is bounded by what one turn brings, and that by the pool. */
  add(to: readonly ReplicaIndex[], requests: readonly Request[]): void;
}

export interface RelaysOptions {
  readonly defer: (callback: () => void) => void;
  readonly send: (to: ReplicaIndex, requests: readonly Request[]) => void;
}

/** Bytes of requests in one relay frame; one request always fits. */
const RELAY_BYTES = 1024 * 1024;

export const createRelays = ({ defer, send }: RelaysOptions): Relays => {
  const waiting = new Map<ReplicaIndex, Request[]>();
  const leave = oncePerTurn(defer, () => {
    for (const [index, requests] of waiting) for (const part of inParts(requests)) send(index, part);
    waiting.clear();
  });
  return {
    add(to, requests) {
      for (const index of to) {
        const before = waiting.get(index);
        if (before === undefined) waiting.set(index, [...requests]);
        else before.push(...requests);
      }
      leave();
    },
  };
};

/** Requests in frames of bounded size, in order. */
const inParts = (requests: readonly Request[]): Request[][] => {
  const parts: Request[][] = [];
  let part: Request[] = [];
  let bytes = 0;
  for (const request of requests) {
    if (part.length > 0 && (bytes + request.bytes.length > RELAY_BYTES || part.length >= limits.maxRequestsPerBatch)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(request);
    bytes += request.bytes.length;
  }
  if (part.length > 0) parts.push(part);
  return parts;
};
