/**
 * Brings shared documents into the ledger (PROTOCOL §10, §11; docs/documents.md, "Anchors"): a document that has come to rest is claimed by f+1 validators.
 *
 * What a validator claims is read from the ledger and compared with what it should claim: nothing is remembered that a restart could lose, and nothing is said
 * twice. Who speaks first follows from the document's digest; the others wait for their turn and find it done.
 */
import type { Documents } from "../../documents/documents.ts";
import type { DocumentName } from "../../documents/operation.ts";
import { encodeClaims, maxClaims, type Anchor } from "../../ledger/anchors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { createClientSequence } from "../../protocol/client-sequence.ts";
import type { Digest } from "../../protocol/ids.ts";
import { signRequest } from "../../signing/signer.ts";
import type { Clock } from "../clock.ts";
import type { Identity } from "../home/identity.ts";
import type { Submission } from "../desk/submission.ts";

export interface AnchoringOptions {
  readonly identity: Pick<Identity, "committee" | "self" | "validatorKey" | "signBytes">;
  readonly ledger: Pick<Ledger, "anchor" | "claims" | "incomplete" | "lastNumber">;
  readonly documents: Pick<Documents, "digest" | "list">;
  readonly submission: Pick<Submission, "submit">;
  readonly clock: Pick<Clock, "now" | "wall">;
  readonly sessionWindow: number;
  /** this node can have something ordered, and may vouch for what it holds */
  readonly isAble: () => boolean;
  /** a document's present content is anchored */
  readonly anchored: (name: DocumentName, anchor: Anchor) => void;
}

export interface Anchoring {
  /** a document holds something else than before */
  changed(name: DocumentName): void;
  /** Looks and speaks, at a bounded rate. Call it about ten times a second. */
  tick(): void;
}

/** between two looks at what is not anchored */
const LOOK_EVERY_MS = 500;
/** documents looked at in one look; the others in the next */
const LOOKS_AT_ONCE = 256;
/** between two requests of one validator */
const CLAIM_EVERY_MS = 1_000;
/** a document is claimed once it has not changed for so long */
const REST_MS = 1_000;
/** how long the next f+1 validators wait for those before them */
const TURN_MS = 1_500;
/** Claims that anchored nothing for so long make room for others, if others wait. */
const STUCK_MS = 30_000;

/** Which group of f+1 validators claims a document, in turns from 0 on. */
const turnOf = (digest: Digest, { committee, self }: AnchoringOptions["identity"]): number => {
  const { n, f } = committee;
  const first = Number.parseInt(digest.slice(0, 8), 16) % n;
  return Math.floor((((self ?? 0) - first + n) % n) / (f + 1));
};

export const createAnchoring = (options: AnchoringOptions): Anchoring => {
  const { identity, ledger, documents, clock } = options;
  const { validatorKey, signBytes } = identity;
  const numbers = createClientSequence({ window: options.sessionWindow });
  /** when each last changed; no more than there are documents. In the order in which they are looked at. */
  const waiting = new Map<DocumentName, number>(documents.list().map(({ name }) => [name, clock.now()]));
  let lookAt = 0;
  let claimAt = 0;
  let speaking = false;

  const isDue = (name: DocumentName, digest: Digest, since: number, mine: ReadonlyMap<string, Digest>): boolean =>
    mine.get(name) === digest || clock.now() - since >= REST_MS + TURN_MS * turnOf(digest, identity);

  /** What this validator should claim now. */
  const wanted = (mine: ReadonlyMap<string, Digest>): Map<DocumentName, Digest> => {
    const claims = new Map<DocumentName, Digest>();
    let waits = false;
    for (const [name, since] of [...waiting].slice(0, LOOKS_AT_ONCE)) {
      const digest = documents.digest(name);
      const anchor = digest === undefined ? undefined : ledger.anchor(name);
      if (digest === undefined || anchor?.digest === digest) {
        waiting.delete(name);
        if (anchor !== undefined) options.anchored(name, anchor);
      } else if (isDue(name, digest, since, mine)) {
        if (claims.size < maxClaims) claims.set(name, digest);
        else waits = true;
      }
    }
    if (waits || waiting.size > LOOKS_AT_ONCE) makeRoom(claims);
    return claims;
  };

  /** Those that were claimed in vain stand at the end again. */
  const makeRoom = (claims: ReadonlyMap<DocumentName, Digest>): void => {
    for (const name of claims.keys()) {
      if (clock.now() - (waiting.get(name) ?? 0) < STUCK_MS) continue;
      waiting.delete(name);
      waiting.set(name, clock.now());
    }
  };

  /** Something is not said yet; or it is said and over. What has changed since waits until it is at rest again. */
  const hasNews = (claims: ReadonlyMap<string, Digest>, mine: ReadonlyMap<string, Digest>): boolean =>
    [...claims].some(([name, digest]) => mine.get(name) !== digest) ||
    mine.keys().some((name) => !claims.has(name) && !waiting.has(name as DocumentName));

  const claim = (claims: ReadonlyMap<DocumentName, Digest>): void => {
    if (validatorKey === undefined) return;
    const sequence = numbers.next(clock.wall(), ledger.lastNumber(validatorKey.publicKey));
    if (sequence === undefined) return;
    const list = Array.from(claims, ([name, digest]) => ({ name, digest })).sort((a, b) => (a.name < b.name ? -1 : 1));
    const { bytes } = signRequest(validatorKey, signBytes, { sequence, operations: [encodeClaims(list)] });
    speaking = true;
    options.submission.submit(bytes, () => {
      speaking = false;
      numbers.settle(sequence);
    });
  };

  return {
    changed(name) {
      waiting.delete(name);
      waiting.set(name, clock.now());
    },
    tick() {
      const now = clock.now();
      if (now < lookAt || ledger.incomplete) return;
      lookAt = now + LOOK_EVERY_MS;
      const mine = validatorKey === undefined ? new Map<string, Digest>() : ledger.claims(validatorKey.publicKey);
      const claims = wanted(mine);
      if (validatorKey === undefined || speaking || now < claimAt || !hasNews(claims, mine) || !options.isAble()) return;
      claimAt = now + CLAIM_EVERY_MS;
      claim(claims);
    },
  };
};
