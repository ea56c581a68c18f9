/** A proof of misbehaviour as people and programs read it (`GET /v1/evidence`). */
import { Buffer } from "node:buffer";
import type { Committee } from "../../protocol/committee.ts";
import { culpritsOf, isFork, placeOf, signersOfBoth, type Evidence } from "../../protocol/evidence.ts";
import type { ReplicaIndex } from "../../protocol/ids.ts";
import type { EvidenceRecord } from "../data/evidence.ts";

/** A validator as evidence names it. */
interface NamedValidator {
  readonly index: number;
  readonly peerId: string;
  readonly validatorKey: string;
  readonly moniker: string;
}

/** One entry of `GET /v1/evidence`. */
export interface EvidenceReport {
  readonly id: string;
  readonly kind: string;
  /** the first culprit's peer id; null where the proof names nobody for certain */
  readonly culprit: string | null;
  readonly culprits: readonly NamedValidator[];
  /** of two certificates for one sequence: the at least f+1 whose signatures both bear */
  readonly signedBoth?: readonly NamedValidator[];
  /** that was forked */
  readonly document?: string;
  readonly epoch: number;
  /** 0 where the kind has none */
  readonly view: number;
  readonly sequence: number;
  /** Unix milliseconds */
  readonly detectedAt: number;
  readonly method: string;
  readonly action: string;
  /** base64 of what anybody can check (docs/wire.md, "Evidence") */
  readonly proof: string;
}

/** How it was found, in words for people. */
const methodOf = (evidence: Evidence): string => {
  switch (evidence.kind) {
    case "conflicting-votes":
      return `two different ${evidence.first.message.kind.toUpperCase()}s of one validator for one slot`;
    case "conflicting-checkpoints":
      return "two different CHECKPOINTs of one validator for one sequence";
    case "conflicting-view-changes":
      return "two different VIEW-CHANGEs of one validator to one view";
    case "bad-new-view":
      return "a NEW-VIEW that proposes what its VIEW-CHANGEs do not imply";
    case "invalid-batch":
      return `a signed proposal of a batch that no state makes valid: ${evidence.reason}`;
    case "conflicting-commits":
      return evidence.first.view === evidence.second.view
        ? "two commit certificates for one sequence: whoever signed both"
        : "two commit certificates for one sequence: whoever signed the first and kept silent about it in the VIEW-CHANGE to the second's view";
    case "forked-document":
      return `two operations of one author with number ${evidence.first.sequence} in the document ${evidence.first.document}`;
    case "conflicting-stable-checkpoints":
      return "two certificates for one checkpoint, with different roots: whoever signed both";
  }
};

/** What this node did about it beside keeping the proof. */
const actionOf = ({ kind }: Evidence): string => {
  switch (kind) {
    case "conflicting-votes":
    case "conflicting-checkpoints":
    case "conflicting-view-changes":
      return "only the first counts";
    case "bad-new-view":
    case "invalid-batch":
      return "refused, and another primary asked for";
    case "forked-document":
      return "of this author only what others built on counts in the document";
    case "conflicting-commits":
    case "conflicting-stable-checkpoints":
      return "stopped ordering";
  }
};

export const evidenceReport = (committee: Committee, { id, detectedAt, evidence, proof }: EvidenceRecord): EvidenceReport => {
  const named = (indexes: readonly ReplicaIndex[]) =>
    committee.validators
      .filter(({ index }) => indexes.includes(index))
      .map(({ index, peer, publicKey, moniker }) => ({ index, peerId: peer, validatorKey: publicKey, moniker }));
  const culprits = named(culpritsOf(evidence));
  return {
    id,
    kind: evidence.kind,
    culprit: culprits[0]?.peerId ?? null,
    culprits,
    ...(isFork(evidence) ? { signedBoth: named(signersOfBoth(evidence)) } : {}),
    ...(evidence.kind === "forked-document" ? { document: evidence.first.document } : {}),
    ...placeOf(evidence),
    detectedAt,
    method: methodOf(evidence),
    action: actionOf(evidence),
    proof: Buffer.from(proof).toString("base64"),
  };
};
