/** A network that exists on paper: a genesis with real keys, and everything its validators can sign about answers and state. */
import { createResultProver, type Answer } from "../../src/ledger/answers.ts";
import type { AnswerProofJson, CheckpointJson, RequestAnswer, SignatureJson } from "../../src/client/answers.ts";
import type { CertifiedAnswer } from "../../src/client/proof-document.ts";
import { encodeOperation, encodeResult } from "../../src/ledger/kv/encoding.ts";
import { encodeEntry } from "../../src/ledger/kv/entry.ts";
import type { KvOperation, KvResult } from "../../src/ledger/kv/operations.ts";
import { applicationKey } from "../../src/ledger/head.ts";
import { bitAt, emptyHash, hashBytes, leafHash, nodeHash, rawToDigest, type RawHash } from "../../src/ledger/state/hashing.ts";
import { encodeStateProof } from "../../src/ledger/state/proof.ts";
import { parseGenesis, renderGenesis, type Genesis } from "../../src/node/home/genesis.ts";
import { genesisCommittee } from "../../src/node/home/genesis-committee.ts";
import { signRecord } from "../../src/node/home/record.ts";
import type { Committee } from "../../src/protocol/committee.ts";
import type { Digest, Epoch, ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import { keyFromSeed, type KeyPair } from "../../src/signing/keys.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import { checkpointDigest, epochRoot, logHashAfter, sha256 } from "../../src/wire/digests.ts";
import { decodeRequest } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const seedOf = (label: string): Uint8Array => Buffer.from(sha256(utf8(label)), "hex");

export interface ProvenJson extends RequestAnswer {
  readonly proof: AnswerProofJson;
}

export interface PaperNetwork {
  readonly genesis: Genesis;
  readonly genesisText: string;
  readonly committee: Committee;
  readonly client: KeyPair;
  request(sequence: number, operations: readonly KvOperation[]): Uint8Array;
  /** A true answer to this request, executed among others at `sequence`; receipts of the first f+1, or of those given. */
  answer(
    request: Uint8Array,
    results: readonly KvResult[],
    options?: { sequence?: number; index?: number; by?: readonly number[] },
  ): ProvenJson;
  /** A true certified read of a state with these entries, at a checkpoint whose epoch root is that of these validators. */
  certified(
    entries: Readonly<Record<string, { value: string; version: number; sequence: number }>>,
    key: string,
    sequence?: number,
    ofValidators?: Committee,
  ): CertifiedAnswer;
}

interface Leaf {
  readonly path: RawHash;
  readonly value: RawHash;
}

/** The root of a state with these leaves, below `depth`. */
const rootOf = (leaves: readonly Leaf[], depth: number): RawHash => {
  const [only] = leaves;
  if (only === undefined) return emptyHash;
  if (leaves.length === 1) return leafHash(only.path, only.value);
  const side = (bit: 0 | 1) =>
    rootOf(
      leaves.filter(({ path }) => bitAt(path, depth) === bit),
      depth + 1,
    );
  return nodeHash(side(0), side(1));
};

const proofOf = (leaves: readonly Leaf[], path: RawHash): Uint8Array => {
  const siblings: RawHash[] = [];
  let rest = leaves;
  while (rest.length > 1) {
    const bit = bitAt(path, siblings.length);
    const depth = siblings.length;
    siblings.push(
      rootOf(
        rest.filter((leaf) => bitAt(leaf.path, depth) !== bit),
        depth + 1,
      ),
    );
    rest = rest.filter((leaf) => bitAt(leaf.path, depth) === bit);
  }
  const [last] = rest;
  if (last?.path === path) return encodeStateProof({ siblings, present: true });
  return encodeStateProof({
    siblings,
    present: false,
    ...(last === undefined ? {} : { other: { keyHash: last.path, valueHash: last.value } }),
  });
};

/** @param name another network has other keys and another genesis */
export const createPaperNetwork = (n: number, name = "paper"): PaperNetwork => {
  const keys = Array.from({ length: n }, (_, index) => keyFromSeed(seedOf(`${name} validator ${index}`)));
  const validators = keys.map((validator, index) =>
    signRecord(`v${index}`, { validator, node: keyFromSeed(seedOf(`${name} node ${index}`)) }),
  );
  const genesisText = renderGenesis({ chainId: name, createdAt: 1_800_000_000_000, validators });
  const genesis = parseGenesis(genesisText, name);
  const committee = genesisCommittee(genesis);
  const signBytes = createSignBytes(genesis.hash);
  const client = keyFromSeed(seedOf("client"));
  const first = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const signatures = (by: readonly number[], sign: (key: KeyPair, replica: number) => Uint8Array): SignatureJson[] =>
    by.map((replica) => ({ replica, signature: base64(sign(keys[replica] as KeyPair, replica)) }));

  return {
    genesis,
    genesisText,
    committee,
    client,
    request: (sequence, operations) => signRequest(client, signBytes, { sequence, operations: operations.map(encodeOperation) }).bytes,
    answer(request, results, { sequence = 9, index = 2, by = first(committee.f + 1) } = {}) {
      const decoded = decodeRequest(request);
      if (!decoded.ok) throw new Error("not a request");
      const { id } = decoded.value;
      const own: Answer = { id, outcome: { status: "executed" }, results: results.map(encodeResult) };
      const others = Array.from({ length: 5 }, (_, each): Answer => ({
        id: sha256(utf8(`other ${each}`)),
        outcome: { status: "executed" },
        results: [],
      }));
      const prover = createResultProver(others.toSpliced(index, 0, own));
      const digest = sha256(utf8(`batch ${sequence}`));
      const previousLogHash = sha256(utf8(`log ${sequence - 1}`));
      const slot = { epoch: 0 as Epoch, view: 1 as View, sequence: sequence as Sequence, digest };
      const roots = {
        epoch: 0 as Epoch,
        sequence: sequence as Sequence,
        requests: others.length + 1,
        resultsRoot: prover.root,
        stateRoot: sha256(utf8(`state ${sequence}`)),
        logHash: logHashAfter(previousLogHash, digest),
      };
      return {
        id,
        state: "committed",
        sequence,
        index,
        results: own.results.map(base64),
        certificate: { ...slot, signatures: signatures(first(committee.quorum), (key) => key.sign(signBytes.of("commit", slot))) },
        proof: {
          receipts: {
            ...roots,
            signatures: signatures(
              by,
              (key, replica) => createSigner(key, signBytes).signReceipt(roots, replica as ReplicaIndex).signature,
            ),
          },
          previousLogHash,
          siblings: [...prover.prove(index).siblings],
        },
      };
    },
    certified(entries, key, sequence = 16, ofValidators = committee) {
      const path = (each: string) => hashBytes(applicationKey(utf8(each)));
      const leaves = Object.entries(entries).map(([each, entry]) => ({
        path: path(each),
        value: hashBytes(encodeEntry(entry.version, entry.sequence, utf8(entry.value))),
      }));
      const roots = {
        epoch: 0,
        sequence,
        stateRoot: rawToDigest(rootOf(leaves, 0)) as Digest,
        logHash: sha256(utf8(`log ${sequence}`)),
        epochRoot: epochRoot(ofValidators),
      };
      const fields = { epoch: 0, view: 0, sequence, digest: checkpointDigest(roots) };
      const checkpoint: CheckpointJson = {
        ...roots,
        signatures: signatures(first(committee.quorum), (each) => each.sign(signBytes.of("checkpoint", fields))),
      };
      const proof = { checkpoint, path: base64(proofOf(leaves, path(key))) };
      const entry = entries[key];
      const common = { key, consistency: "certified" as const, asOf: sequence, proof };
      return entry === undefined ? common : { ...common, ...entry, encoding: "utf8" as const };
    },
  };
};
