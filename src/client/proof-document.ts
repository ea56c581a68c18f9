/** A value with its proof, as a document to hand on: `byz get --prove` writes it, `byz prove verify` checks it (docs/clients.md, "Proof documents"). */
import { Buffer } from "node:buffer";
import { decodeOperation, decodeResult } from "../ledger/kv/encoding.ts";
import type { Genesis } from "../node/home/genesis.ts";
import type { Sequence } from "../protocol/ids.ts";
import { verifyRequest } from "../signing/offline.ts";
import { decodeRequest } from "../wire/requests.ts";
import type { GetAnswer, KeyJson, ProofJson, RequestAnswer, StateAnswer } from "./answers.ts";
import { ProofError, readBase64, readHash, readObject, readText, type Members } from "./proof-json.ts";
import { judging, trustOf, type Unproven } from "./trust.ts";
import { verifyAnswer } from "./verify-answer.ts";
import { readKey, verifyRead } from "./verify-read.ts";

/** a certified read: a checkpoint and a Merkle path to it */
export const proofFormat = "byz-proof/1";
/** an ordered read: a signed request and what f+1 validators answered */
export const answerFormat = "byz-answer/1";

/** That there is no such key. */
interface AbsentAnswer extends KeyJson {
  readonly asOf: number;
  readonly consistency: "certified";
  readonly proof?: ProofJson;
}

/** An answer to a certified read, also one that there is no such key. */
export type CertifiedAnswer = GetAnswer | AbsentAnswer;

/** The same of an application's state. */
export type CertifiedStateAnswer = StateAnswer | AbsentAnswer;

interface OfNetwork {
  readonly chainId: string;
  readonly genesisHash: string;
}

export type CertifiedDocument = CertifiedAnswer & OfNetwork & { readonly format: typeof proofFormat };

export interface AnswerDocument extends OfNetwork {
  readonly format: typeof answerFormat;
  /** base64 of the signed request's exact bytes */
  readonly request: string;
  readonly answer: RequestAnswer;
}

export type ProofDocument = CertifiedDocument | AnswerDocument;

type Network = Pick<Genesis, "chainId" | "hash">;

/** Puts a certified answer and its network into one document; what it says is not checked here. */
export const createProofDocument = (genesis: Network, answer: CertifiedAnswer): CertifiedDocument => ({
  format: proofFormat,
  chainId: genesis.chainId,
  genesisHash: genesis.hash,
  ...answer,
});

/** The same for a request and its answer; what is decoded for people proves nothing and is left out. */
export const createAnswerDocument = (genesis: Network, request: Uint8Array, given: RequestAnswer): AnswerDocument => {
  const { result: _, ...answer } = given;
  const requestBase64 = Buffer.from(request).toString("base64");
  return { format: answerFormat, chainId: genesis.chainId, genesisHash: genesis.hash, request: requestBase64, answer };
};

/** What a document proves, with the key that it is about. */
export interface ProvenDocument {
  readonly ok: true;
  readonly key: Uint8Array;
  /** absent: there was no such key; `sequence`, that of the last write, is not known from an ordered read */
  readonly entry?: { readonly value: Uint8Array; readonly version: number; readonly sequence?: number };
  /** the ledger position at which it was so */
  readonly asOf: Sequence;
}

const checkCertified = (genesis: Genesis, json: Members): ProvenDocument => {
  const key = readKey(json);
  const verdict = verifyRead(genesis, key, json);
  if (!verdict.ok) throw new ProofError(verdict.problem, verdict.message);
  return { ok: true, key, asOf: verdict.asOf, ...(verdict.entry === undefined ? {} : { entry: verdict.entry }) };
};

const checkAnswer = (genesis: Genesis, json: Members): ProvenDocument => {
  const request = readBase64(json["request"], "request");
  const verdict = verifyAnswer(genesis, request, json["answer"]);
  if (!verdict.ok) throw new ProofError(verdict.problem, verdict.message);
  const decoded = decodeRequest(request);
  if (!decoded.ok || !verifyRequest(trustOf(genesis), decoded.value)) {
    throw new ProofError("malformed", "the request is not signed by the client that it names");
  }
  const { operations } = decoded.value;
  const operation = operations.length === 1 ? decodeOperation(operations[0] as Uint8Array) : undefined;
  const result = decodeResult(verdict.results[0] ?? new Uint8Array());
  if (operation?.type !== "get" || result?.type !== "get") throw new ProofError("malformed", "it is not about the read of one key");
  const { key } = operation;
  return { ok: true, key, asOf: verdict.sequence, ...(result.entry === undefined ? {} : { entry: result.entry }) };
};

/**
 * Whether a document proves what it says, for the network of this genesis. Pure.
 *
 * @param document the JSON as parsed; nothing is assumed about its form
 */
export const verifyProofDocument = (genesis: Genesis, document: unknown): ProvenDocument | Unproven =>
  judging(() => {
    const json = readObject(document, "the document");
    const { format } = json;
    if (format !== proofFormat && format !== answerFormat) {
      throw new ProofError("malformed", `it is no document of the format ${proofFormat} or ${answerFormat}`);
    }
    if (readHash(json["genesisHash"], "genesisHash") !== genesis.hash || readText(json["chainId"], "chainId") !== genesis.chainId) {
      throw new ProofError("other-network", `it is about another network than ${genesis.chainId}`);
    }
    return format === proofFormat ? checkCertified(genesis, json) : checkAnswer(genesis, json);
  });
