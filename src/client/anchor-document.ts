/**
 * A shared document's anchor with its proof, as a document to hand on: `byz shared show --prove` writes it, `byz prove verify` checks it
 * (docs/documents.md, "Anchors").
 */
import { createDocument } from "../documents/document.ts";
import { documentLimits } from "../documents/limits.ts";
import { decodeOperation, isDocumentName, verifyOperation } from "../documents/operation.ts";
import type { DocumentName } from "../documents/operation.ts";
import { verifyAnchor } from "../ledger/anchors.ts";
import type { Anchor } from "../ledger/anchors.ts";
import { maxStateProofBytes } from "../ledger/state/proof.ts";
import type { Genesis } from "../node/home/genesis.ts";
import { limits } from "../protocol/limits.ts";
import type { PublicKey, Sequence } from "../protocol/ids.ts";
import { ProofError, readBase64, readCheckpoint, readHash, readList, readNumber, readObject, readText } from "./proof-json.ts";
import type { SharedProofJson } from "./shared-answers.ts";
import { type ClientTrust, judging, trustOf, type Unproven } from "./trust.ts";
import { checkCheckpoint } from "./verify-read.ts";

export const anchorFormat = "byz-anchor/1";

export type AnchorDocument = SharedProofJson & {
  readonly format: typeof anchorFormat;
  readonly chainId: string;
  readonly genesisHash: string;
  readonly document: string;
};

/** Puts what a node answered and its network into one document; what it says is not checked here. */
export const createAnchorDocument = (
  { chainId, hash: genesisHash }: Pick<Genesis, "chainId" | "hash">,
  document: string,
  proof: SharedProofJson,
): AnchorDocument => ({ format: anchorFormat, chainId, genesisHash, document, ...proof });

/** What a quorum's checkpoint says about a document. */
export interface ProvenAnchor {
  readonly ok: true;
  readonly document: string;
  /** the checkpoint's sequence */
  readonly asOf: Sequence;
  /** absent: the ledger had no anchor of it */
  readonly anchor?: Anchor;
  /** what the document showed when it was anchored, as canonical JSON: there if the proof brings its operations */
  readonly content?: string;
}

const readAnchor = (value: unknown): Anchor | undefined => {
  if (value === undefined) return undefined;
  const json = readObject(value, "anchor");
  return {
    digest: readHash(json["digest"], "anchor.digest"),
    sequence: readNumber(json["sequence"], "anchor.sequence") as Sequence,
    timeMs: readNumber(json["timestamp"], "anchor.timestamp"),
    validators: readList(json["validators"], limits.maxValidators, "anchor.validators").map(
      (key) => readHash(key, "anchor.validator") as string as PublicKey,
    ),
  };
};

/** The document that these operations make, every one of them checked. @throws ProofError if it is not the one that is anchored */
const rebuild = ({ signBytes }: ClientTrust, name: DocumentName, operations: readonly Uint8Array[], anchor: Anchor): string => {
  const document = createDocument(name);
  for (const bytes of operations) {
    const decoded = decodeOperation(bytes);
    if (!decoded.ok || decoded.value.document !== name || !verifyOperation(signBytes, decoded.value)) {
      throw new ProofError("malformed", "an operation of the document is malformed, or not signed by its author");
    }
    document.merge(decoded.value);
  }
  if (document.digest() !== anchor.digest) throw new ProofError("other-content", "its operations are not those that are anchored");
  return document.show();
};

const maxOperations = 4 * documentLimits.maxOperationsPerAuthor;

/**
 * Whether a document proves what it says, for the network of this genesis: a quorum signed the checkpoint, a Merkle path leads from the anchor, or its absence,
 * to the checkpoint's state, and the operations, where they are there, make what is anchored. Pure.
 *
 * @param value the JSON as parsed; nothing is assumed about its form
 */
export const verifyAnchorDocument = (genesis: Genesis, value: unknown): ProvenAnchor | Unproven =>
  judging(() => {
    const trust = trustOf(genesis);
    const json = readObject(value, "the document");
    if (json["format"] !== anchorFormat) throw new ProofError("malformed", `it is no document of the format ${anchorFormat}`);
    if (readHash(json["genesisHash"], "genesisHash") !== genesis.hash || readText(json["chainId"], "chainId") !== genesis.chainId) {
      throw new ProofError("other-network", `it is about another network than ${genesis.chainId}`);
    }
    const name = readText(json["document"], "document");
    if (!isDocumentName(name)) throw new ProofError("malformed", "document is no document's name");
    const anchor = readAnchor(json["anchor"]);
    const checkpoint = readCheckpoint(json["checkpoint"], "checkpoint");
    const path = readBase64(json["path"], "path");
    if (path.length > maxStateProofBytes || !verifyAnchor(checkpoint.stateRoot, name, anchor, path)) {
      throw new ProofError("bad-state-proof", "this is not what the checkpoint's state says about the document");
    }
    checkCheckpoint(trust, checkpoint);
    const proven = { ok: true, document: name, asOf: checkpoint.sequence } as const;
    if (anchor === undefined) return proven;
    if (json["operations"] === undefined) return { ...proven, anchor };
    const operations = readList(json["operations"], maxOperations, "operations").map((each) => readBase64(each, "operation"));
    return { ...proven, anchor, content: rebuild(trust, name, operations, anchor) };
  });
