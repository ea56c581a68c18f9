/** The judges' own reading of signatures and certificates: sign-bytes, counting and carry-over written anew from the protocol's text. */
import { hash } from "node:crypto";
import type { Committee } from "../../protocol/committee.ts";
import type { Digest, Signature } from "../../protocol/ids.ts";
import type {
  CheckpointCertificate,
  CommitCertificate,
  NewView,
  PreparedCertificate,
  SignedNewView,
  VoteSignature,
} from "../../protocol/messages.ts";
import type { Notary } from "../notary.ts";
import { arithmeticOf } from "./arithmetic.ts";

interface Place {
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
  readonly digest: Digest;
}

/** What a NEW-VIEW has to propose again, and from where on. */
export interface Carried {
  readonly base: number;
  readonly digests: ReadonlyMap<number, Digest>;
}

export interface CertificateJudge {
  /** one replica's signature under a vote */
  vote(kind: "pre-prepare" | "prepare" | "commit", replica: number, place: Place, signature: Signature): boolean;
  prepared(certificate: PreparedCertificate): boolean;
  committed(certificate: CommitCertificate): boolean;
  stable(certificate: CheckpointCertificate): boolean;
  /** what follows from a NEW-VIEW's VIEW-CHANGEs; undefined when it proposes anything else */
  carried(message: NewView): Carried | undefined;
  /** every certificate inside, and that O follows from them */
  newView(signed: SignedNewView): boolean;
}

const digestOf = (...parts: readonly Uint8Array[]): Digest => hash("sha256", Buffer.concat(parts), "hex") as Digest;
/** as u64; not through a BigInt, which costs as much as all the rest */
const writeNumber = (bytes: Buffer, value: number, at: number): void => {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
};
const raw = (hex: string): Buffer => Buffer.from(hex, "hex");

export const createCertificateJudge = (
  committee: Committee,
  genesisHash: Digest,
  notary: Notary,
  emptyDigest: Digest,
): CertificateJudge => {
  const { n, quorum } = arithmeticOf(committee.validators.length);
  const keys = committee.validators.map(({ publicKey }) => raw(publicKey));

  /** by kind, what does not change, with room for the rest: overwritten by each call */
  const heads = new Map<string, Buffer>();
  const headOf = (kind: string): Buffer => {
    const head = Buffer.concat([Buffer.from(`byz/1/${kind}\0`, "latin1"), raw(genesisHash), Buffer.alloc(24 + 32)]);
    heads.set(kind, head);
    return head;
  };
  const signBytes = (kind: string, place: Place): Buffer => {
    const bytes = heads.get(kind) ?? headOf(kind);
    const at = bytes.length - 56;
    writeNumber(bytes, place.epoch, at);
    writeNumber(bytes, place.view, at + 8);
    writeNumber(bytes, place.sequence, at + 16);
    bytes.write(place.digest, at + 24, "hex");
    return bytes;
  };
  const signedBy = (replica: number, message: Uint8Array, signature: Uint8Array): boolean => {
    const publicKey = keys[replica];
    return publicKey !== undefined && notary.isValid({ publicKey, message, signature });
  };
  /** exactly so many, distinct, ascending, all over the same bytes */
  const signers = (votes: readonly VoteSignature[], count: number, message: Uint8Array, except: number): boolean =>
    votes.length === count &&
    votes.every(({ replica }, index) => replica !== except && replica > (votes[index - 1]?.replica ?? -1)) &&
    votes.every(({ replica, signature }) => signedBy(replica, message, signature));

  const judge: CertificateJudge = {
    vote: (kind, replica, place, signature) => signedBy(replica, signBytes(kind, place), signature),
    prepared(certificate) {
      const primary = certificate.view % n;
      return (
        signedBy(primary, signBytes("pre-prepare", certificate), certificate.proposalSignature) &&
        signers(certificate.prepares, quorum - 1, signBytes("prepare", certificate), primary)
      );
    },
    committed: (certificate) => signers(certificate.commits, quorum, signBytes("commit", certificate), -1),
    stable(certificate) {
      if (certificate.sequence === 0) return certificate.signatures.length === 0;
      const { epoch, sequence, stateRoot, logHash, epochRoot, signatures } = certificate;
      const digest = digestOf(raw(stateRoot), raw(logHash), raw(epochRoot));
      return signers(signatures, quorum, signBytes("checkpoint", { epoch, view: 0, sequence, digest }), -1);
    },
    carried({ viewChanges, proposals }) {
      const base = Math.max(...viewChanges.map(({ message }) => message.stable.sequence));
      const best = new Map<number, PreparedCertificate>();
      for (const { message } of viewChanges) {
        for (const certificate of message.prepared) {
          const known = best.get(certificate.sequence);
          if (certificate.sequence > base && (known === undefined || known.view < certificate.view))
            best.set(certificate.sequence, certificate);
        }
      }
      const top = Math.max(base, ...best.keys());
      const digests = new Map<number, Digest>();
      for (let sequence = base + 1; sequence <= top; sequence += 1) digests.set(sequence, best.get(sequence)?.digest ?? emptyDigest);
      const same = proposals.length === digests.size && proposals.every(({ sequence, digest }) => digests.get(sequence) === digest);
      return same ? { base, digests } : undefined;
    },
    newView({ message }) {
      const askers = message.viewChanges.map((each) => each.message.replica);
      return (
        askers.length === quorum &&
        new Set(askers).size === quorum &&
        message.replica === message.view % n &&
        message.viewChanges.every(
          (each) =>
            each.message.view === message.view &&
            judge.stable(each.message.stable) &&
            each.message.prepared.every((one) => judge.prepared(one)),
        ) &&
        judge.carried(message) !== undefined
      );
    },
  };
  return judge;
};
