/** What the ledger should answer to claims on shared documents: a model in two maps, written from docs/ledger.md "Anchors". */
import type { PublicKey } from "../../protocol/ids.ts";
import { arithmeticOf } from "./arithmetic.ts";

export interface ClaimsModel {
  /** the result of one of the ledger's own operations */
  apply(client: PublicKey, operation: Uint8Array): Uint8Array;
}

const done = 1;
const malformed = Uint8Array.of(2);
const notValidator = Uint8Array.of(3);
const outcomes = { claimed: 0, anchored: 1, known: 2 };

/** 00 ‖ 01 ‖ count u16 ‖ (name: u8 length, bytes ‖ digest[32])*, ascending; undefined for anything else. */
const readClaims = (operation: Uint8Array): (readonly [name: string, digest: string])[] | undefined => {
  const bytes = Buffer.from(operation);
  if (bytes.length < 4 || bytes[1] !== 1) return undefined;
  const claims: (readonly [string, string])[] = [];
  let at = 4;
  for (let left = bytes.readUInt16BE(2); left > 0; left -= 1) {
    const length = bytes[at] ?? 0;
    const name = bytes.toString("latin1", at + 1, at + 1 + length);
    if (length < 1 || at + 33 + length > bytes.length || name <= (claims.at(-1)?.[0] ?? "")) return undefined;
    claims.push([name, bytes.toString("hex", at + 1 + length, at + 33 + length)]);
    at += 33 + length;
  }
  return at === bytes.length ? claims : undefined;
};

/** @param validators in their order */
export const createClaimsModel = (validators: readonly PublicKey[]): ClaimsModel => {
  const { f } = arithmeticOf(validators.length);
  /** by validator, what it claims last */
  const standing = new Map<PublicKey, Map<string, string>>();
  const anchors = new Map<string, string>();
  return {
    apply(client, operation) {
      const claims = readClaims(operation);
      if (claims === undefined) return malformed;
      if (!validators.includes(client)) return notValidator;
      const own = new Map(claims);
      standing.set(client, own);
      const judged = claims.map(([name, digest]) => {
        if (anchors.get(name) === digest) {
          own.delete(name);
          return outcomes.known;
        }
        const agree = [...standing.values()].filter((each) => each.get(name) === digest);
        if (agree.length <= f) return outcomes.claimed;
        for (const each of standing.values()) each.delete(name);
        anchors.set(name, digest);
        return outcomes.anchored;
      });
      return Uint8Array.of(done, ...judged);
    },
  };
};
