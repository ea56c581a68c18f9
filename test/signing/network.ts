/** A committee with real keys, and everything that its members can sign: for tests of any room. */
import { createCommittee, primaryOf } from "../../src/protocol/committee.ts";
import type { Committee } from "../../src/protocol/committee.ts";
import type { Digest, Epoch, PeerName, ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import type {
  CheckpointCertificate,
  CommitCertificate,
  PrePrepare,
  PreparedCertificate,
  Request,
  Signed,
  SignedNewView,
  Verified,
  ViewChange,
} from "../../src/protocol/messages.ts";
import { keyFromSeed } from "../../src/signing/keys.ts";
import type { KeyPair } from "../../src/signing/keys.ts";
import type { ViewTrust } from "../../src/signing/plans.ts";
import { createInlinePool } from "../../src/signing/pool.ts";
import type { VerificationPool } from "../../src/signing/pool.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import type { Signer } from "../../src/signing/signer.ts";
import { createVerifier } from "../../src/signing/verifier.ts";
import type { Verifier } from "../../src/signing/verifier.ts";
import { epochRoot, genesisLogHash, sha256 } from "../../src/wire/digests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

export interface Slot {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const slotOf = (view: number, sequence: number, digest: Digest = sha256(text(`batch ${sequence}`))): Slot => ({
  epoch: 0 as Epoch,
  view: view as View,
  sequence: sequence as Sequence,
  digest,
});

export interface TestNetwork {
  readonly committee: Committee;
  readonly keys: readonly KeyPair[];
  readonly signers: readonly Signer[];
  readonly trust: ViewTrust;
  readonly genesisCheckpoint: CheckpointCertificate;
  signer(replica: number): Signer;
  /** a verifier of this network; inline unless told otherwise */
  verifier(pool?: VerificationPool): Verifier;
  request(sequence: number, options?: { readonly client?: KeyPair; readonly operations?: readonly Uint8Array[] }): Verified<Request>;
  proposal(slot: Slot): Verified<Signed<PrePrepare>>;
  /** by the first q, or by those given */
  committed(slot: Slot, by?: readonly number[]): CommitCertificate;
  /** by the first q−1 that are not the primary, or by those given */
  prepared(slot: Slot, by?: readonly number[]): PreparedCertificate;
  stable(sequence: number, by?: readonly number[]): CheckpointCertificate;
  viewChange(replica: number, view: number, content?: Partial<ViewChange>): Verified<Signed<ViewChange>>;
  /** by the view's primary, of the first q, or of those given; re-proposing the given sequences */
  newView(
    view: number,
    options?: { readonly viewChanges?: readonly Signed<ViewChange>[]; readonly sequences?: readonly number[] },
  ): Verified<SignedNewView>;
}

/**
 * @param n validators; the same for every test, their keys come from seeds
 * @param name another network has other keys and another genesis
 */
export const createTestNetwork = (n: number, name = "test"): TestNetwork => {
  const seedOf = (label: string): Uint8Array => new Uint8Array(Buffer.from(sha256(text(`${name} ${label}`)), "hex"));
  const keys = Array.from({ length: n }, (_, index) => keyFromSeed(seedOf(`validator ${index}`)));
  const committee = createCommittee(
    0 as Epoch,
    keys.map(({ publicKey }, index) => ({
      index: index as ReplicaIndex,
      publicKey,
      peer: `peer-${index}` as PeerName,
      moniker: `v${index}`,
    })),
  );
  const genesisHash = sha256(text(`${name} genesis`));
  const signBytes = createSignBytes(genesisHash);
  const genesis = { stateRoot: sha256(text("state 0")), logHash: genesisLogHash(genesisHash), epochRoot: epochRoot(committee) };
  const genesisCheckpoint = { epoch: 0 as Epoch, sequence: 0 as Sequence, ...genesis, signatures: [] };
  const trust: ViewTrust = {
    signBytes,
    committee: (epoch) => (epoch === 0 ? committee : undefined),
    checkpointInterval: defaultParameters.checkpointInterval,
    genesis,
  };
  const signers = keys.map((key) => createSigner(key, signBytes));
  const signer = (replica: number): Signer => {
    const found = signers[replica];
    if (found === undefined) throw new RangeError(`no validator ${replica}`);
    return found;
  };
  const first = (count: number, except?: number): number[] =>
    Array.from({ length: n }, (_, index) => index)
      .filter((index) => index !== except)
      .slice(0, count);
  const at = (replica: number) => replica as ReplicaIndex;
  const client = keyFromSeed(seedOf("client"));

  const network: TestNetwork = {
    committee,
    keys,
    signers,
    trust,
    genesisCheckpoint,
    signer,
    verifier: (pool = createInlinePool()) => createVerifier({ ...trust, pool, limits: defaultParameters }),
    request: (sequence, options = {}) =>
      signRequest(options.client ?? client, signBytes, { sequence, operations: options.operations ?? [text(`operation ${sequence}`)] }),
    proposal: (slot) => {
      const replica = primaryOf(committee, slot.view);
      return signer(replica).sign({ kind: "pre-prepare", ...slot, replica });
    },
    committed: (slot, by = first(committee.quorum)) => ({
      ...slot,
      commits: by.map((replica) => ({
        replica: at(replica),
        signature: signer(replica).sign({ kind: "commit", ...slot, replica: at(replica) }).signature,
      })),
    }),
    prepared: (slot, by = first(committee.quorum - 1, primaryOf(committee, slot.view))) => {
      const proposalSignature = network.proposal(slot).signature;
      return {
        ...slot,
        proposalSignature,
        prepares: by.map((replica) => ({
          replica: at(replica),
          signature: signer(replica).sign({ kind: "prepare", ...slot, replica: at(replica), proposalSignature }).signature,
        })),
      };
    },
    stable: (sequence, by = first(committee.quorum)) => {
      const roots = {
        epoch: 0 as Epoch,
        sequence: sequence as Sequence,
        stateRoot: sha256(text(`state ${sequence}`)),
        logHash: sha256(text(`log ${sequence}`)),
        epochRoot: genesis.epochRoot,
      };
      const sign = (replica: number) => signer(replica).sign({ kind: "checkpoint", ...roots, replica: at(replica) }).signature;
      return { ...roots, signatures: by.map((replica) => ({ replica: at(replica), signature: sign(replica) })) };
    },
    viewChange: (replica, view, content = {}) =>
      signer(replica).sign({
        kind: "view-change",
        epoch: 0 as Epoch,
        view: view as View,
        replica: at(replica),
        stable: genesisCheckpoint,
        prepared: [],
        ...content,
      }),
    newView: (view, options = {}) => {
      const replica = primaryOf(committee, view as View);
      return signer(replica).signNewView({
        kind: "new-view",
        epoch: 0 as Epoch,
        view: view as View,
        replica,
        viewChanges: options.viewChanges ?? first(committee.quorum).map((each) => network.viewChange(each, view)),
        proposals: (options.sequences ?? []).map((sequence) => ({ sequence: sequence as Sequence, digest: slotOf(view, sequence).digest })),
      });
    },
  };
  return network;
};
