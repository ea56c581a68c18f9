/**
 * Requests on their way to the primary, or to everybody (PROTOCOL §3.1): those that one event brings, such as a job of
 * verified signatures, share a frame. A whole turn of the event loop is too long to wait: on a busy machine it takes many milliseconds, and another one follows
 * before the frame is written.
 */
import type { ReplicaIndex } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Request } from "../../protocol/messages.ts";
import { oncePerTurn } from "../once-per-turn.ts";

export interface Relays {
  /** They leave after what runs now, in the order they came; what waits is bounded by what one event brings, and that by the pool. */
  add(to: readonly ReplicaIndex[], requests: readonly Request[]): void;
}

export interface RelaysOptions {
  /** runs a callback after what runs now, before the next event */
  readonly soon: (callback: () => void) => void;
  readonly send: (to: ReplicaIndex, requests: readonly Request[]) => void;
}

/** Bytes of requests in one relay frame; one request always fits. */
const RELAY_BYTES = 1024 * 1024;

export const createRelays = ({ soon, send }: RelaysOptions): Relays => {
  const waiting = new Map<ReplicaIndex, Request[]>();
  const leave = oncePerTurn(soon, () => {
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
