/**
 * Compares past checkpoints with the others': where the batches in which two logs went apart are gone on both sides, the certificates of the latest checkpoint that both
 * still keep tell it all the same (PROTOCOL §10). Log hashes that were different once are different for ever, so one comparison is enough.
 */
import type { Committee } from "../../protocol/committee.ts";
import { sameRoots } from "../../protocol/evidence.ts";
import type { ReplicaIndex, Sequence } from "../../protocol/ids.ts";
import type { CheckpointCertificate, Verified } from "../../protocol/messages.ts";
import type { Network } from "../../network/port.ts";
import type { VerificationFailure } from "../../signing/failures.ts";
import type { Verifier } from "../../signing/verifier.ts";
import { encodeFrame } from "../../wire/frames.ts";
import type { PastCheckpoints } from "../data/past-checkpoints.ts";

export interface Comparison {
  /** Asks a validator for the latest checkpoint that it and we keep. False when we keep none. */
  ask(peer: ReplicaIndex): boolean;
  /** Asks all of these, and says `compared` once each has answered; at once where there is nothing to compare. */
  askAll(peers: readonly ReplicaIndex[]): void;
  /** An answer: the certificate of sequence 0 when nothing is common. False when nothing was asked: dropped. */
  arrived(from: ReplicaIndex, certificate: CheckpointCertificate): boolean;
}

export interface ComparisonOptions {
  readonly committee: Committee;
  readonly past: Pick<PastCheckpoints, "sequences" | "at">;
  readonly network: Pick<Network, "send">;
  readonly verifier: Pick<Verifier, "verifyCheckpointCertificate">;
  /** both are verified: agreement is broken */
  readonly found: (ours: CheckpointCertificate, theirs: Verified<CheckpointCertificate>) => void;
  /** all that were asked by `askAll` have answered */
  readonly compared: () => void;
  readonly refused: (from: ReplicaIndex, failure: VerificationFailure) => void;
}

export const createComparison = ({ committee, past, network, verifier, ...options }: ComparisonOptions): Comparison => {
  /** what was asked of whom and not answered yet: one question each */
  const asked = new Map<ReplicaIndex, ReadonlySet<Sequence>>();
  let awaited = new Set<ReplicaIndex>();

  const ask = (peer: ReplicaIndex): boolean => {
    const name = committee.validators[peer]?.peer;
    const sequences = past.sequences();
    if (name === undefined || sequences.length === 0) return false;
    asked.set(peer, new Set(sequences));
    return network.send(name, "sync", encodeFrame({ kind: "fetch-checkpoint", sequences }));
  };

  const settle = (from: ReplicaIndex): void => {
    if (awaited.delete(from) && awaited.size === 0) options.compared();
  };

  return {
    ask,
    askAll(peers) {
      awaited = new Set(peers.filter(ask));
      if (awaited.size === 0) options.compared();
    },
    arrived(from, certificate) {
      const { sequence } = certificate;
      const sequences = asked.get(from);
      if (sequences === undefined || (sequence > 0 && !sequences.has(sequence))) return false;
      asked.delete(from);
      const ours = sequence === 0 ? undefined : past.at(sequence);
      if (ours === undefined || sameRoots(ours, certificate)) {
        settle(from);
        return true;
      }
      verifier.verifyCheckpointCertificate(certificate, (outcome) => {
        if (outcome.status === "verified") options.found(ours, outcome.value);
        else options.refused(from, outcome.failure);
        settle(from);
      });
      return true;
    },
  };
};
