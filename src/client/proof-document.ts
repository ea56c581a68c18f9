/** A value with its proof, as a document to hand on: `byz get --prove` writes it, `byz prove verify` checks it (docs/clients.md, "Proof documents"). */
import type { Genesis } from "../node/genesis.ts";
import type { GetAnswer, KeyJson, ProofJson, StateAnswer } from "./answers.ts";
import { ProofError, readHash, readObject, readText } from "./proof-json.ts";
import { judging, type Unproven } from "./trust.ts";
import { type ProvenRead, readKey, verifyRead } from "./verify-read.ts";

export const proofFormat = "byz-proof/1";

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

export type ProofDocument = CertifiedAnswer & {
  readonly format: typeof proofFormat;
  readonly chainId: string;
  readonly genesisHash: string;
};

/** Puts a certified answer and its network into one document; what it says is not checked here. */
export const createProofDocument = (genesis: Pick<Genesis, "chainId" | "hash">, answer: CertifiedAnswer): ProofDocument => ({
  format: proofFormat,
  chainId: genesis.chainId,
  genesisHash: genesis.hash,
  ...answer,
});

/** What a document proves, with the key that it is about. */
export interface ProvenDocument extends ProvenRead {
  readonly key: Uint8Array;
}

/**
 * Whether a document proves what it says, for the network of this genesis. Pure.
 *
 * @param document the JSON as parsed; nothing is assumed about its form
 */
export const verifyProofDocument = (genesis: Genesis, document: unknown): ProvenDocument | Unproven =>
  judging(() => {
    const json = readObject(document, "the document");
    if (json["format"] !== proofFormat) throw new ProofError("malformed", `it is no document of the format ${proofFormat}`);
    if (readHash(json["genesisHash"], "genesisHash") !== genesis.hash || readText(json["chainId"], "chainId") !== genesis.chainId) {
      throw new ProofError("other-network", `it is about another network than ${genesis.chainId}`);
    }
    const key = readKey(json);
    const verdict = verifyRead(genesis, key, json);
    if (!verdict.ok) throw new ProofError(verdict.problem, verdict.message);
    return { ...verdict, key };
  });
