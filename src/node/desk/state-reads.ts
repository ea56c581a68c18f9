/** Reads of any application's state outside of the order of requests: what this node has, or a stable checkpoint with proof (PROTOCOL §9). */
import type { Ledger } from "../../ledger/ledger.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import { done, failed, type Outcome, type StateRead, type UnorderedConsistency } from "../service.ts";

export type StateReads = (key: Uint8Array, consistency: UnorderedConsistency) => Outcome<StateRead>;

/** The certificate of the last stable checkpoint, if the ledger still holds the state as of it. */
export type Certified = () => Outcome<CheckpointCertificate>;

/** Nothing of the state can be read while it is made into another (PROTOCOL §7). */
export const beingFetched = failed({
  code: "syncing",
  message: "this node is fetching the state from the others",
  hint: "ask another node, or again when it is done: see `byz status`",
  retryAfterSeconds: 1,
});

const noCheckpoint = failed({
  code: "syncing",
  message: "this node has no stable checkpoint to certify an answer with yet",
  hint: "read with consistency linearizable or local",
  retryAfterSeconds: 1,
});

/** @param stable the certificate of the last stable checkpoint, undefined before the first */
export const createCertified =
  (ledger: Ledger, stable: () => CheckpointCertificate | undefined): Certified =>
  () => {
    const certificate = stable();
    if (certificate === undefined) return noCheckpoint;
    return ledger.checkpoints().some(({ sequence }) => sequence === certificate.sequence) ? done(certificate) : noCheckpoint;
  };

export const createStateReads =
  (ledger: Ledger, certified: Certified): StateReads =>
  (key, consistency) => {
    if (ledger.incomplete) return beingFetched;
    if (consistency === "local") {
      const value = ledger.get(key);
      return done({ asOf: ledger.position().sequence, ...(value === undefined ? {} : { value }) });
    }
    const checkpoint = certified();
    if (!checkpoint.ok) return checkpoint;
    const { value, proof: path } = ledger.prove(key, checkpoint.value.sequence);
    const answer = { asOf: checkpoint.value.sequence, proof: { checkpoint: checkpoint.value, path } };
    return done(value === undefined ? answer : { ...answer, value });
  };
