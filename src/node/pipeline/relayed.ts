/**
 * Requests that others relay (PROTOCOL §3.1), on their way to the pool. What it would take, and has room for beside what is being verified, is verified: who
 * relays more than it is served for takes nobody's turn at that, either.
 */
import type { Input } from "../../consensus/input.ts";
import type { Replica } from "../../consensus/replica.ts";
import type { PeerName, PublicKey, ReplicaIndex } from "../../protocol/ids.ts";
import type { Request } from "../../protocol/messages.ts";
import type { Verifier } from "../../signing/verifier.ts";
import { detachRequest } from "../../wire/requests.ts";
import type { Counters } from "../counters.ts";

export interface RelayedOptions {
  readonly replica: Pick<Replica, "refusalOf" | "roomFor">;
  readonly verifier: Pick<Verifier, "verifyRequests">;
  readonly counters: Pick<Counters, "count">;
  /** the request ran already, or can never run: it needs no verification */
  readonly isSettled: (client: PublicKey, sequence: number) => boolean;
  readonly step: (input: Input) => void;
  readonly badSignature: (from: PeerName) => void;
}

export interface Relayed {
  /** `index`: undefined where the peer is no validator */
  arrived(from: PeerName, index: ReplicaIndex | undefined, requests: readonly Request[]): void;
}

export const createRelayed = ({ replica, verifier, counters, isSettled, step, badSignature }: RelayedOptions): Relayed => {
  /** requests whose verification is under way, by the validator that relayed them; all others' together. Bounded by what the pool has room for. */
  const verifying = new Map<ReplicaIndex | undefined, number>();
  const verifyingOf = (index: ReplicaIndex | undefined): number => verifying.get(index) ?? 0;

  /** Clients hand a request to several nodes, and each of them relays it. */
  const freshOf = (requests: readonly Request[], index: ReplicaIndex | undefined): Request[] => {
    const fresh: Request[] = [];
    const room = replica.roomFor(index) - verifyingOf(index);
    for (const request of requests) {
      const refusal = replica.refusalOf(request, index) ?? (fresh.length < room ? undefined : "source-pool-full");
      if (refusal === undefined && !isSettled(request.client, request.sequence)) fresh.push(request);
      else if (refusal !== undefined && refusal !== "already-pending") counters.count(`dropped.${refusal}`);
    }
    return fresh;
  };

  return {
    arrived(from, index, requests) {
      const fresh = freshOf(requests, index);
      if (fresh.length === 0) return;
      verifying.set(index, verifyingOf(index) + fresh.length);
      verifier.verifyRequests(fresh.map(detachRequest), (verdicts) => {
        verifying.set(index, verifyingOf(index) - fresh.length);
        for (const request of verdicts) {
          if (request !== undefined) step({ type: "request", request, local: false, ...(index === undefined ? {} : { from: index }) });
          else {
            counters.count("refused.bad-request-signature");
            badSignature(from);
          }
        }
      });
    },
  };
};
