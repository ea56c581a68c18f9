/** Did these validators misbehave? Decided offline, from the genesis alone (PROTOCOL §10, §14; docs/clients.md). */
import type { Genesis } from "../node/home/genesis.ts";
import { emptyStateRoot } from "../ledger/state/hashing.ts";
import type { Validator } from "../protocol/committee.ts";
import { culpritsOf, isFork, placeOf, signersOfBoth, type EvidenceKind } from "../protocol/evidence.ts";
import type { Digest, ReplicaIndex } from "../protocol/ids.ts";
import { evidenceProblem } from "../signing/evidence.ts";
import { genesisLogHash } from "../wire/digests.ts";
import { decodeEvidence, evidenceId } from "../wire/evidence.ts";
import { ProofError, readBase64, readHash, readNumber, readObject, readText } from "./proof-json.ts";
import { judging, trustOf, type Unproven } from "./trust.ts";

/** What a proof proves, read from the signed messages in it and from nothing beside them. */
export interface ProvenEvidence {
  readonly ok: true;
  readonly id: Digest;
  readonly kind: EvidenceKind;
  /** who cheated for certain; empty only where two certificates of different views do not tell */
  readonly culprits: readonly Validator[];
  /** of two certificates for one sequence: at least f+1 */
  readonly signedBoth: readonly Validator[];
  /** that was forked */
  readonly document?: string;
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
}

/**
 * Whether an entry of `GET /v1/evidence` proves what it says. Pure; takes 0.06 ms a signature with libsodium.
 *
 * @param document the JSON as parsed; nothing is assumed about its form
 */
export const verifyEvidence = (genesis: Genesis, document: unknown): ProvenEvidence | Unproven =>
  judging(() => {
    const trust = trustOf(genesis);
    const json = readObject(document, "the document");
    const decoded = decodeEvidence(readBase64(json["proof"], "proof"));
    if (!decoded.ok) throw new ProofError("malformed", `the proof is malformed: ${decoded.error.reason} at ${decoded.error.field}`);
    const evidence = decoded.value;
    const problem = evidenceProblem(
      {
        ...trust,
        checkpointInterval: genesis.parameters.checkpointInterval,
        genesis: { stateRoot: emptyStateRoot, logHash: genesisLogHash(genesis.hash), epochRoot: trust.epochRoot },
        limits: genesis.parameters,
      },
      evidence,
    );
    if (problem !== undefined) throw new ProofError("no-evidence", `it proves nothing about ${genesis.chainId}: ${problem}`);
    const named = (indexes: readonly ReplicaIndex[]): Validator[] =>
      trust.validators.validators.filter(({ index }) => indexes.includes(index));
    const proven = {
      id: evidenceId(evidence, trust.validators),
      kind: evidence.kind,
      culprits: named(culpritsOf(evidence)),
      signedBoth: isFork(evidence) ? named(signersOfBoth(evidence)) : [],
      ...(evidence.kind === "forked-document" ? { document: evidence.first.document } : {}),
      ...placeOf(evidence),
    };
    const said = { epoch: readNumber(json["epoch"], "epoch"), view: readNumber(json["view"], "view") };
    const same =
      readHash(json["id"], "id") === proven.id &&
      readText(json["kind"], "kind") === proven.kind &&
      (json["culprit"] ?? undefined) === proven.culprits[0]?.peer &&
      said.epoch === proven.epoch &&
      said.view === proven.view &&
      readNumber(json["sequence"], "sequence") === proven.sequence;
    if (!same) throw new ProofError("no-evidence", "its proof is of something else than it says");
    return { ok: true, ...proven };
  });
