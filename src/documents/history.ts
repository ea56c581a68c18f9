/**
 * A document's hash graph: operations whose parents are all here, and who had seen what (PROTOCOL §11).
 *
 * Operations are cut into *chains*, paths of one author's operations each followed by the next; an author who never forked has one. Each entry keeps, for
 * every chain, how much of it lies in the entry's past: so "had a's author seen b?" costs one comparison. How the chains are numbered depends on the order of
 * arrival; the answers do not.
 */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import type { Change, ElementRef, Path } from "./changes.ts";
import { documentLimits } from "./limits.ts";
import type { GenuineOperation } from "./operation.ts";

export interface Entry {
  readonly operation: GenuineOperation;
  readonly chain: Chain;
  /** operations of the chain up to this one, itself included */
  readonly position: number;
  /** the longest way down to an operation without parents */
  readonly depth: number;
  /** encoded bytes of the author's operations up to this one */
  readonly authorBytes: number;
  /** for each chain, how many of its operations lie in this entry's past, itself included; chains beyond the end: none */
  readonly past: Uint32Array;
}

export interface Chain {
  readonly index: number;
  readonly author: PublicKey;
  /** the author's sequence of the chain's first operation */
  readonly start: number;
  readonly entries: Entry[];
}

/** Why an operation can never be part of its document, whoever looks at it: each reason depends on the operation and its ancestors alone. */
export type InvalidReason =
  /** the author's previous operation is not among the parents, or there is no place for one */
  | "broken-sequence"
  /** a parent, other than the author's previous operation, lies in another parent's past */
  | "redundant-parent"
  /** its past holds a fork by its own author, or an operation of his that comes after it */
  | "forked-past"
  /** it names as a parent an operation of an author whose fork its past shows */
  | "cites-a-forker"
  /** the author's operations take more than `maxBytesPerAuthor` */
  | "author-full"
  /** a list's element that is none, or that the author had not seen */
  | "bad-reference";

export interface History {
  readonly size: number;
  /** in the order of insertion: parents first */
  readonly entries: Iterable<Entry>;
  get(id: Digest): Entry | undefined;
  /** Inserts an operation whose parents are all here, or says why it is invalid. */
  insert(operation: GenuineOperation): Entry | InvalidReason;
  /** Why `insert` would refuse it. */
  check(operation: GenuineOperation): InvalidReason | undefined;
  /** ids of the operations that no other names as a parent, ascending */
  heads(): readonly Digest[];
  /** the chains of an author, none when he wrote nothing here */
  chainsOf(author: PublicKey): readonly Chain[];
  authors(): Iterable<PublicKey>;
  readonly chains: readonly Chain[];
}

/** Whether `ancestor` is in the past of `entry`; an entry is in its own past. */
export const hadSeen = (entry: Entry, ancestor: Entry): boolean => (entry.past[ancestor.chain.index] ?? 0) >= ancestor.position;

/** Adds to `covered` what `entry` had seen. `covered` has a place for every chain. */
export const join = (covered: Uint32Array, past: Uint32Array): void => {
  past.forEach((count, index) => {
    if (count > (covered[index] ?? 0)) covered[index] = count;
  });
};

/** Whether two different operations of one author with one sequence are in this past. */
const forkedIn = (past: Uint32Array, chains: readonly Chain[]): boolean => {
  if (chains.length < 2) return false;
  const spans = chains
    .map((chain) => ({ start: chain.start, end: chain.start + (past[chain.index] ?? 0) }))
    .filter(({ start, end }) => end > start)
    .sort((a, b) => a.start - b.start);
  let reached = 0;
  for (const { start, end } of spans) {
    if (start < reached) return true;
    reached = end;
  }
  return false;
};

/** The highest sequence of an author in this past, 0 when there is none. */
const highestIn = (past: Uint32Array, chains: readonly Chain[]): number =>
  chains.reduce((highest, { index, start }) => {
    const count = past[index] ?? 0;
    return count === 0 ? highest : Math.max(highest, start + count - 1);
  }, 0);

const samePath = (a: Path, b: Path): boolean => a.length === b.length && a.every((segment, index) => segment === b[index]);

const insertsInto = (change: Change | undefined, path: Path): boolean => change?.type === "list-insert" && samePath(change.path, path);

/** Where an operation would stand. */
interface Place {
  readonly parents: readonly Entry[];
  /** what all parents together had seen */
  readonly past: Uint32Array;
  /** the author's own operation among the parents */
  readonly previous: Entry | undefined;
}

export const createHistory = (): History => {
  const entries = new Map<Digest, Entry>();
  const chains: Chain[] = [];
  const byAuthor = new Map<PublicKey, Chain[]>();
  const heads = new Set<Digest>();

  const pastOf = (parents: readonly Entry[]): Uint32Array => {
    const past = new Uint32Array(chains.length);
    for (const parent of parents) join(past, parent.past);
    return past;
  };
  const refersWell = (operation: GenuineOperation, past: Uint32Array, at: number, path: Path, ref: ElementRef): boolean => {
    if (ref.operation === undefined) return ref.index < at && insertsInto(operation.changes[ref.index], path);
    const target = entries.get(ref.operation);
    if (target === undefined || (past[target.chain.index] ?? 0) < target.position) return false;
    return insertsInto(target.operation.changes[ref.index], path);
  };
  const referencesHold = (operation: GenuineOperation, past: Uint32Array): boolean =>
    operation.changes.every((change, at) => {
      if (change.type === "list-remove") return refersWell(operation, past, at, change.path, change.element);
      if (change.type !== "list-insert" || change.after === undefined) return true;
      return refersWell(operation, past, at, change.path, change.after);
    });
  const place = (operation: GenuineOperation): Place => {
    const parents = operation.parents.map((id) => entries.get(id) as Entry);
    return { parents, past: pastOf(parents), previous: parents.find((parent) => parent.operation.author === operation.author) };
  };
  const judge = (operation: GenuineOperation, { parents, past, previous }: Place): InvalidReason | undefined => {
    const { author, sequence, bytes } = operation;
    const own = parents.filter((parent) => parent.operation.author === author);
    if (own.length !== (sequence === 1 ? 0 : 1) || (previous?.operation.sequence ?? 0) !== sequence - 1) return "broken-sequence";
    const ownChains = byAuthor.get(author) ?? [];
    if (forkedIn(past, ownChains) || highestIn(past, ownChains) >= sequence) return "forked-past";
    const redundant = parents.some((parent) => parent !== previous && parents.some((other) => other !== parent && hadSeen(other, parent)));
    if (redundant) return "redundant-parent";
    const citesForker = parents.some((parent) => parent !== previous && forkedIn(past, byAuthor.get(parent.operation.author) ?? []));
    if (citesForker) return "cites-a-forker";
    if ((previous?.authorBytes ?? 0) + bytes.length > documentLimits.maxBytesPerAuthor) return "author-full";
    return referencesHold(operation, past) ? undefined : "bad-reference";
  };
  const chainFor = ({ author, sequence }: GenuineOperation, previous: Entry | undefined): Chain => {
    if (previous !== undefined && previous.chain.entries.length === previous.position) return previous.chain;
    const chain: Chain = { index: chains.length, author, start: sequence, entries: [] };
    chains.push(chain);
    const others = byAuthor.get(author);
    if (others === undefined) byAuthor.set(author, [chain]);
    else others.push(chain);
    return chain;
  };

  return {
    get size() {
      return entries.size;
    },
    get entries() {
      return entries.values();
    },
    chains,
    get: (id) => entries.get(id),
    insert(operation) {
      const at = place(operation);
      const { parents, past, previous } = at;
      const invalid = judge(operation, at);
      if (invalid !== undefined) return invalid;
      const chain = chainFor(operation, previous);
      const position = chain.entries.length + 1;
      const whole = chain.index < past.length ? past : Uint32Array.from({ length: chain.index + 1 }, (_, index) => past[index] ?? 0);
      whole[chain.index] = position;
      const entry: Entry = {
        operation,
        chain,
        position,
        depth: 1 + parents.reduce((deepest, parent) => Math.max(deepest, parent.depth), 0),
        authorBytes: (previous?.authorBytes ?? 0) + operation.bytes.length,
        past: whole,
      };
      chain.entries.push(entry);
      entries.set(operation.id, entry);
      for (const parent of operation.parents) heads.delete(parent);
      heads.add(operation.id);
      return entry;
    },
    check: (operation) => judge(operation, place(operation)),
    heads: () => [...heads].sort(),
    chainsOf: (author) => byAuthor.get(author) ?? [],
    authors: () => byAuthor.keys(),
  };
};
