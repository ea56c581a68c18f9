/** Is this what the network answered? Decided offline, from the genesis alone (PROTOCOL §3.6; docs/clients.md). */
import { verifyResultProof } from "../ledger/answers.ts";
import type { Genesis } from "../node/home/genesis.ts";
import type { Digest, Sequence } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { ReceiptCertificate } from "../protocol/messages.ts";
import { verifyCommitCertificate } from "../signing/offline.ts";
import { verifyReceiptCertificate } from "../signing/receipts.ts";
import { logHashAfter } from "../wire/digests.ts";
import { decodeRequest } from "../wire/requests.ts";
import type { AnswerProofJson, ReceiptsJson } from "./answers.ts";
import { ProofError, readBase64, readCommitCertificate, readHash, readList, readNumber, readObject, readReceipts } from "./proof-json.ts";
import { type ClientTrust, judging, trustOf, type Unproven } from "./trust.ts";

/** An answer that is the network's, not just a node's. */
export interface ProvenAnswer {
  readonly ok: true;
  /** the request's */
  readonly id: Digest;
  readonly sequence: Sequence;
  /** the request's position in its batch */
  readonly index: number;
  /** one per operation, the exact bytes */
  readonly results: readonly Uint8Array[];
  readonly receipts: ReceiptCertificate;
}

export type AnswerVerdict = ProvenAnswer | Unproven;

/** siblings of a largest batch */
const maxSiblings = Math.ceil(Math.log2(limits.maxRequestsPerBatch));

/** Exactly f+1 good ones. */
const checkReceipts = (trust: ClientTrust, receipts: ReceiptCertificate): void => {
  const need = trust.validators.f + 1;
  const have = receipts.signatures.length;
  const failure = verifyReceiptCertificate(trust, receipts, Math.min(have, need));
  if (failure !== undefined) throw new ProofError("bad-receipts", `the receipts are not valid: ${failure.reason}`);
  if (have < need) throw new ProofError("too-few-receipts", `${have} of the ${need} validators needed vouch for it`);
};

/** All but the number of receipts. @throws ProofError */
const checkParts = (trust: ClientTrust, request: { readonly id: Digest; readonly operations: number }, answer: unknown): ProvenAnswer => {
  const json = readObject(answer, "the answer");
  const id = readHash(json["id"], "id");
  if (id !== request.id) throw new ProofError("other-request", `it answers the request ${id}`);
  if (json["state"] !== "committed") throw new ProofError("not-committed", "the node does not say that the request was executed");
  if (json["proof"] === undefined || json["certificate"] === undefined) throw new ProofError("no-proof", "the node gave no proof");
  const sequence = readNumber(json["sequence"], "sequence");
  const index = readNumber(json["index"], "index");
  const results = readList(json["results"], limits.maxOperationsPerRequest, "results").map((each) => readBase64(each, "results"));
  const certificate = readCommitCertificate(json["certificate"], "certificate");
  const proof = readObject(json["proof"], "proof");
  const receipts = readReceipts(proof["receipts"], "proof.receipts");
  const previousLogHash = readHash(proof["previousLogHash"], "proof.previousLogHash");
  const siblings = readList(proof["siblings"], maxSiblings, "proof.siblings").map((each) => readHash(each, "proof.siblings"));
  if (sequence !== receipts.sequence || sequence !== certificate.sequence || receipts.epoch !== certificate.epoch) {
    throw new ProofError("other-place", "the answer, its receipts and its certificate are of different sequences");
  }
  if (logHashAfter(previousLogHash, certificate.digest) !== receipts.logHash) {
    throw new ProofError("other-log", "the certificate's batch is not the one that the receipts are about");
  }
  const path = { index, count: receipts.requests, siblings };
  const own = { id, outcome: { status: "executed" }, results } as const;
  if (results.length !== request.operations || !verifyResultProof(receipts.resultsRoot, own, path)) {
    throw new ProofError("bad-result-proof", "the results are not those that the validators vouch for");
  }
  const failure = verifyCommitCertificate(trust, certificate);
  if (failure !== undefined) throw new ProofError("bad-certificate", `the commit certificate is not valid: ${failure.reason}`);
  return { ok: true, id, sequence: receipts.sequence, index, results, receipts };
};

/**
 * Whether an answer of `POST /v1/requests?proof=1` or `GET /v1/requests/{id}?proof=1` is the network's: f+1 validators signed what executing the
 * sequence came to, a Merkle path leads from these very results to it, and a quorum committed the batch. Pure; takes (q+f+1) · 0.06 ms with libsodium.
 *
 * The answer's `result`, the results decoded for people, is not looked at: decode `results`, as returned here.
 *
 * @param request the exact bytes that were sent
 * @param answer the JSON as parsed; nothing is assumed about its form
 */
export const verifyAnswer = (genesis: Genesis, request: Uint8Array, answer: unknown): AnswerVerdict =>
  judging(() => {
    const trust = trustOf(genesis);
    const decoded = decodeRequest(request);
    if (!decoded.ok) throw new ProofError("malformed", `the request is malformed: ${decoded.error.reason}`);
    const { id, operations } = decoded.value;
    const proven = checkParts(trust, { id, operations: operations.length }, answer);
    checkReceipts(trust, proven.receipts);
    return proven;
  });

const sameStatement = (a: ReceiptsJson, b: ReceiptsJson): boolean =>
  a.epoch === b.epoch &&
  a.sequence === b.sequence &&
  a.requests === b.requests &&
  a.resultsRoot === b.resultsRoot &&
  a.stateRoot === b.stateRoot &&
  a.logHash === b.logHash;

/**
 * Joins answers that are each good but have too few receipts, as several nodes give them when they do not reach each other: f+1 receipts straight from
 * the validators are as good as f+1 through one. Undefined when they do not come to that; what is refused for another reason is left out.
 */
export const joinAnswers = (genesis: Genesis, request: Uint8Array, answers: readonly unknown[]): unknown => {
  const trust = trustOf(genesis);
  const good = answers.filter((answer) => {
    const verdict = verifyAnswer(genesis, request, answer);
    return verdict.ok || verdict.problem === "too-few-receipts";
  }) as { readonly proof: AnswerProofJson }[];
  for (const answer of good) {
    const { receipts } = answer.proof;
    const alike = good.map(({ proof }) => proof.receipts).filter((each) => sameStatement(each, receipts));
    const byReplica = new Map(alike.flatMap(({ signatures }) => signatures.map((each) => [each.replica, each] as const)));
    if (byReplica.size <= trust.validators.f) continue;
    const signatures = [...byReplica.values()].toSorted((a, b) => a.replica - b.replica).slice(0, trust.validators.f + 1);
    return { ...answer, proof: { ...answer.proof, receipts: { ...receipts, signatures } } };
  }
  return undefined;
};
