/**
 * Anchors of shared documents (PROTOCOL §11; docs/ledger.md, "Anchors"): what the ledger says about state that is written without it.
 *
 * A validator claims, by an ordered operation under its validator key, which documents it holds with which digests. Once f+1 validators have claimed one
 * digest for one document, at least one of them honest, it is that document's anchor. One operation holds all of a validator's claims and takes the place of
 * its former ones: that is what bounds them.
 */
import { Buffer } from "node:buffer";
import type { Committee } from "../protocol/committee.ts";
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { fromHex, toLatin1 } from "../wire/bytes.ts";
import { decodeWhole, fail, readCount, readDigest, readPublicKey, readU64, readU8, readView } from "../wire/reader.ts";
import type { CountRule, Reader } from "../wire/reader.ts";
import { encodeSized, writeHex32, writeU16, writeU64, writeU8 } from "../wire/writer.ts";
import type { Writer } from "../wire/writer.ts";
import { ledgerKeys } from "./head.ts";
import { keyToBytes } from "./state/hashing.ts";
import { verifyStateProof } from "./state/proof.ts";
import type { StateChanges } from "./state/state-map.ts";

/** claims of one validator at once; the others wait for their turn */
export const maxClaims = 64;
/** a document's name, bytes; the ledger does not look inside */
const maxNameBytes = 64;

/** "I hold this document with everything that this digest names." */
export interface Claim {
  readonly name: string;
  readonly digest: Digest;
}

/** What the ledger says about a document. */
export interface Anchor {
  readonly digest: Digest;
  /** where it became the anchor */
  readonly sequence: Sequence;
  /** ledger time then, Unix milliseconds */
  readonly timeMs: number;
  /** the f+1 who had claimed it, in the order of the committee */
  readonly validators: readonly PublicKey[];
}

/** What became of one claim. */
export type ClaimOutcome = "claimed" | "anchored" | "known";

const operationTag = 1;
const claimsRule: CountRule = { width: 2, min: 0, max: maxClaims, entryBytes: 2 + 32 };
const validatorsRule: CountRule = { width: 1, min: 1, max: limits.maxValidators, entryBytes: 32 };
const outcomes: readonly ClaimOutcome[] = ["claimed", "anchored", "known"];
const resultTags = { done: 1, malformed: 2, notValidator: 3 } as const;

/* ------------------------------------------------------------------ bytes */

const writeClaims = (writer: Writer, claims: readonly Claim[]): void => {
  writeU16(writer, claims.length);
  for (const { name, digest } of claims) {
    writeU8(writer, name.length);
    writer.offset += writer.buffer.write(name, writer.offset, "latin1");
    writeHex32(writer, digest);
  }
};

const claimsBytes = (claims: readonly Claim[]): number => claims.reduce((size, { name }) => size + 1 + name.length + 32, 2);

const readName = (reader: Reader): string => {
  const length = readCount(reader, { width: 1, min: 1, max: maxNameBytes, entryBytes: 1 }, "claim.name");
  return Buffer.from(readView(reader, length, "claim.name")).toString("latin1");
};

const readClaims = (reader: Reader): Claim[] => {
  const count = readCount(reader, claimsRule, "claims");
  const claims: Claim[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const name = readName(reader);
    const previous = claims.at(-1);
    if (previous !== undefined && name <= previous.name) fail(reader, "not-ascending", "claims");
    claims.push({ name, digest: readDigest(reader, "claim.digest") });
  }
  return claims;
};

/** First byte of the operations that are the ledger's own; no application sees them. */
const ledgerOperation = 0;

/** Whether an operation is the ledger's own. */
export const isLedgerOperation = (operation: Uint8Array): boolean => operation[0] === ledgerOperation;

/**
 * 00 ‖ 01 ‖ count u16 ‖ (name: u8 length, bytes ‖ digest[32])*, ascending by name.
 *
 * @param claims at most `maxClaims`, ascending by name
 */
export const encodeClaims = (claims: readonly Claim[]): Uint8Array =>
  encodeSized(2 + claimsBytes(claims), (writer) => {
    writeU8(writer, ledgerOperation);
    writeU8(writer, operationTag);
    writeClaims(writer, claims);
  });

/** The claims of an operation; undefined if the bytes are none. Never throws. */
export const decodeClaims = (operation: Uint8Array): readonly Claim[] | undefined => {
  const decoded = decodeWhole(operation, operation.length, "claims", (reader) => {
    if (readU8(reader, "operation") !== ledgerOperation) fail(reader, "unknown-tag", "operation");
    if (readU8(reader, "operation") !== operationTag) fail(reader, "unknown-tag", "operation");
    return readClaims(reader);
  });
  return decoded.ok ? decoded.value : undefined;
};

/** digest[32] ‖ sequence u64 ‖ time u64 ‖ count u8 ‖ validator key[32]* */
const encodeAnchor = ({ digest, sequence, timeMs, validators }: Anchor): Uint8Array =>
  encodeSized(49 + 32 * validators.length, (writer) => {
    writeHex32(writer, digest);
    writeU64(writer, sequence);
    writeU64(writer, timeMs);
    writeU8(writer, validators.length);
    for (const key of validators) writeHex32(writer, key);
  });

/** Undefined if the bytes are no anchor. */
export const decodeAnchor = (bytes: Uint8Array): Anchor | undefined => {
  const decoded = decodeWhole(bytes, bytes.length, "anchor", (reader): Anchor => {
    const digest = readDigest(reader, "digest");
    const sequence = readU64(reader, "sequence") as Sequence;
    const timeMs = readU64(reader, "time");
    const count = readCount(reader, validatorsRule, "validators");
    return { digest, sequence, timeMs, validators: Array.from({ length: count }, () => readPublicKey(reader, "validator")) };
  });
  return decoded.ok ? decoded.value : undefined;
};

/* ------------------------------------------------------------------ in the state */

/** State keys, one character a byte. */
export const anchorKeys = {
  /** 0x00 0x02 ‖ validator key[32] */
  claims: (validator: PublicKey): string => ledgerKeys.claims + toLatin1(fromHex(validator)),
  /** 0x00 0x03 ‖ the document's name */
  anchor: (name: string): string => ledgerKeys.anchor + name,
} as const;

/** Claims as they stand in the state. */
export const decodeStoredClaims = (bytes: Uint8Array | undefined): ReadonlyMap<string, Digest> => {
  const decoded = bytes === undefined ? undefined : decodeWhole(bytes, bytes.length, "claims", readClaims);
  return new Map(decoded?.ok === true ? decoded.value.map(({ name, digest }) => [name, digest]) : []);
};

/** Everybody's claims within one operation: read when they are asked for, written when they changed. */
const openClaims = (changes: StateChanges, keys: readonly PublicKey[]) => {
  const all = new Map(keys.map((key) => [key, new Map(decodeStoredClaims(changes.get(anchorKeys.claims(key))))]));
  const before = new Map([...all].map(([key, claims]) => [key, claims.size]));
  return {
    replace: (key: PublicKey, claims: readonly Claim[]) => void all.set(key, new Map(claims.map(({ name, digest }) => [name, digest]))),
    agree: ({ name, digest }: Claim): PublicKey[] => keys.filter((key) => all.get(key)?.get(name) === digest),
    drop: (key: PublicKey, name: string) => void all.get(key)?.delete(name),
    commit: (replaced: PublicKey) => {
      for (const [key, claims] of all) {
        if (key !== replaced && claims.size === before.get(key)) continue;
        const list = Array.from(claims, ([name, digest]) => ({ name, digest }));
        const stateKey = anchorKeys.claims(key);
        if (list.length > 0)
          changes.put(
            stateKey,
            encodeSized(claimsBytes(list), (writer) => writeClaims(writer, list)),
          );
        else if (before.get(key) !== 0) changes.delete(stateKey);
      }
    },
  };
};

export interface AnchoringContext {
  readonly committee: Committee;
  readonly client: PublicKey;
  readonly sequence: Sequence;
  readonly timeMs: number;
}

/**
 * Runs one of the ledger's own operations. Total, like an application's: result `01` ‖ for each claim `00` claimed, `01` anchored by it, `02` it was the anchor
 * already; `02`: malformed; `03`: the client is no validator.
 */
export const applyClaims = (operation: Uint8Array, changes: StateChanges, context: AnchoringContext): Uint8Array => {
  const { committee, client, sequence, timeMs } = context;
  const claims = decodeClaims(operation);
  if (claims === undefined) return Uint8Array.of(resultTags.malformed);
  const keys = committee.validators.map(({ publicKey }) => publicKey);
  if (!keys.includes(client)) return Uint8Array.of(resultTags.notValidator);
  const all = openClaims(changes, keys);
  all.replace(client, claims);
  const judge = (claim: Claim): ClaimOutcome => {
    const { name, digest } = claim;
    const stored = changes.get(anchorKeys.anchor(name));
    if (stored !== undefined && decodeAnchor(stored)?.digest === digest) {
      all.drop(client, name);
      return "known";
    }
    const agree = all.agree(claim);
    if (agree.length <= committee.f) return "claimed";
    // nobody's former word is left for somebody to lead the anchor back with
    for (const key of keys) all.drop(key, name);
    const validators = agree.slice(0, committee.f + 1);
    changes.put(anchorKeys.anchor(name), encodeAnchor({ digest, sequence, timeMs, validators }));
    return "anchored";
  };
  const judged = claims.map(judge);
  all.commit(client);
  return Uint8Array.of(resultTags.done, ...judged.map((outcome) => outcomes.indexOf(outcome)));
};

/**
 * Whether the state with `root` holds exactly this anchor for the document (`undefined`: none). Needs nothing else; never throws.
 *
 * @param proof from `LedgerReader.proveAnchor`
 */
export const verifyAnchor = (root: Digest, name: string, anchor: Anchor | undefined, proof: Uint8Array): boolean =>
  verifyStateProof(root, keyToBytes(anchorKeys.anchor(name)), anchor === undefined ? undefined : encodeAnchor(anchor), proof);
