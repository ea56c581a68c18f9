/** Is this what the network's state held? Certified reads, decided offline from the genesis alone (PROTOCOL §9; docs/clients.md). */
import { Buffer } from "node:buffer";
import { applicationKey } from "../ledger/head.ts";
import { maxStateProofBytes, verifyStateProof } from "../ledger/state/proof.ts";
import { verifyKvProof } from "../ledger/kv/queries.ts";
import type { Genesis } from "../node/home/genesis.ts";
import type { Sequence } from "../protocol/ids.ts";
import type { CheckpointCertificate } from "../protocol/messages.ts";
import { verifyCheckpointCertificate } from "../signing/offline.ts";
import { ProofError, readBase64, readCheckpoint, readNumber, readObject, readText } from "./proof-json.ts";
import type { Members } from "./proof-json.ts";
import { type ClientTrust, judging, trustOf, type Unproven } from "./trust.ts";

export interface ProvenEntry {
  readonly value: Uint8Array;
  /** writes since the key was created */
  readonly version: number;
  /** ledger position of the last write */
  readonly sequence: number;
}

/** What the state held under a key at a checkpoint that a quorum signed. */
export interface ProvenRead {
  readonly ok: true;
  /** absent: there was no such key */
  readonly entry?: ProvenEntry;
  /** the checkpoint's sequence */
  readonly asOf: Sequence;
  readonly checkpoint: CheckpointCertificate;
}

export type ReadVerdict = ProvenRead | Unproven;

/** What an application kept under a key at a checkpoint that a quorum signed. */
export interface ProvenState {
  readonly ok: true;
  /** absent: there was no such key */
  readonly value?: Uint8Array;
  /** the checkpoint's sequence */
  readonly asOf: Sequence;
  readonly checkpoint: CheckpointCertificate;
}

export type StateVerdict = ProvenState | Unproven;

const utf8 = new TextEncoder();

/** Text, or base64 when the bytes are not UTF-8. @throws ProofError */
export const readKey = (json: Members): Uint8Array => {
  if (json["keyEncoding"] === undefined) return utf8.encode(readText(json["key"], "key"));
  if (json["keyEncoding"] === "base64") return readBase64(json["key"], "key");
  throw new ProofError("malformed", "keyEncoding is unknown");
};

const readValue = (json: Members): Uint8Array => {
  if (json["encoding"] === "utf8") return utf8.encode(readText(json["value"], "value"));
  if (json["encoding"] === "base64") return readBase64(json["value"], "value");
  throw new ProofError("malformed", "encoding is missing or unknown");
};

/** @throws ProofError */
export const readEntry = (json: Members): ProvenEntry | undefined =>
  json["value"] === undefined
    ? undefined
    : {
        value: readValue(json),
        version: readNumber(json["version"], "version"),
        sequence: readNumber(json["sequence"], "sequence"),
      };

/** A quorum of the genesis' validators signed it. @throws ProofError */
export const checkCheckpoint = (trust: ClientTrust, checkpoint: CheckpointCertificate): void => {
  if (checkpoint.sequence < 1) throw new ProofError("bad-certificate", "the checkpoint is not one that anybody signs");
  const genesis = { stateRoot: checkpoint.stateRoot, logHash: checkpoint.logHash, epochRoot: checkpoint.epochRoot };
  const failure = verifyCheckpointCertificate({ ...trust, genesis }, checkpoint);
  if (failure !== undefined) throw new ProofError("bad-certificate", `the checkpoint certificate is not valid: ${failure.reason}`);
  if (checkpoint.epochRoot !== trust.epochRoot) {
    throw new ProofError("bad-certificate", "the checkpoint is of other validators than the genesis");
  }
};

interface Question {
  readonly key: Uint8Array;
  readonly atLeast: number;
  /** whether the checkpoint's state holds what the answer says */
  readonly holds: (checkpoint: CheckpointCertificate, path: Uint8Array) => boolean;
}

/** All that is the same whatever the value means. @throws ProofError */
const checkAnswer = (genesis: Genesis, json: Members, { key, atLeast, holds }: Question): CheckpointCertificate => {
  const trust = trustOf(genesis);
  if (json["consistency"] !== "certified") throw new ProofError("malformed", "it is no certified read");
  if (json["proof"] === undefined) throw new ProofError("no-proof", "the node gave no proof");
  if (Buffer.compare(readKey(json), key) !== 0) throw new ProofError("other-key", "it is about another key");
  const proof = readObject(json["proof"], "proof");
  const checkpoint = readCheckpoint(proof["checkpoint"], "proof.checkpoint");
  const path = readBase64(proof["path"], "proof.path");
  if (readNumber(json["asOf"], "asOf") !== checkpoint.sequence) {
    throw new ProofError("other-place", "the answer and its checkpoint are of different sequences");
  }
  if (path.length > maxStateProofBytes || !holds(checkpoint, path)) {
    throw new ProofError("bad-state-proof", "this is not what the checkpoint's state holds");
  }
  checkCheckpoint(trust, checkpoint);
  if (checkpoint.sequence < atLeast) {
    throw new ProofError("too-old", `it is as of sequence ${checkpoint.sequence}, and ${atLeast} was asked for`);
  }
  return checkpoint;
};

/**
 * Whether an answer of `GET /v1/kv/{key}?consistency=certified` holds: a quorum signed the checkpoint, and a Merkle path leads from this key with this
 * value, version and sequence, or from its absence, to the checkpoint's state. Pure; takes q · 0.06 ms with libsodium.
 *
 * It can not say that the checkpoint is the newest one: see `atLeast`.
 *
 * @param key the one that was asked for
 * @param answer the JSON as parsed, also that of `not_found`; nothing is assumed about its form
 * @param atLeast a ledger position that the answer must reflect
 */
export const verifyRead = (genesis: Genesis, key: Uint8Array, answer: unknown, atLeast = 0): ReadVerdict =>
  judging(() => {
    const json = readObject(answer, "the answer");
    const entry = readEntry(json);
    const checkpoint = checkAnswer(genesis, json, {
      key,
      atLeast,
      holds: ({ sequence, stateRoot }, path) => {
        if ((entry?.sequence ?? 0) > sequence) throw new ProofError("other-place", "the value is younger than its checkpoint");
        return verifyKvProof(stateRoot, key, entry, path);
      },
    });
    return { ok: true, asOf: checkpoint.sequence, checkpoint, ...(entry === undefined ? {} : { entry }) };
  });

/**
 * The same for an answer of `GET /v1/state/{key}?consistency=certified`: what an application other than the key-value store kept under this key. Pure.
 *
 * @param key as the application named it
 * @param answer the JSON as parsed, also that of `not_found`; nothing is assumed about its form
 * @param atLeast a ledger position that the answer must reflect
 */
export const verifyState = (genesis: Genesis, key: Uint8Array, answer: unknown, atLeast = 0): StateVerdict =>
  judging(() => {
    const json = readObject(answer, "the answer");
    const value = json["value"] === undefined ? undefined : readValue(json);
    const checkpoint = checkAnswer(genesis, json, {
      key,
      atLeast,
      holds: ({ stateRoot }, path) => verifyStateProof(stateRoot, applicationKey(key), value, path),
    });
    return { ok: true, asOf: checkpoint.sequence, checkpoint, ...(value === undefined ? {} : { value }) };
  });
