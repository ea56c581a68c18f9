/** Partitions as this node lived through them: each opens, changes and closes, and ends with a report (PROTOCOL §10). */
import type { Connectivity, ConnectivityState } from "./connectivity.ts";

/** How the links stood for a while. */
export interface Phase {
  /** Unix milliseconds */
  readonly at: number;
  readonly state: ConnectivityState;
  /** as in `Connectivity` */
  readonly sides: Connectivity["sides"];
  readonly broken: Connectivity["broken"];
}

/** What it took to be level with the others again. */
export interface CatchUp {
  /** taken over from others with their certificates, and the bytes of their batches */
  readonly sequences: number;
  readonly bytes: number;
  /** from the moment at which this node could commit again until it was where the others had been then */
  readonly milliseconds: number;
}

/** Something that the sides did and that can not both stand. */
export interface Conflict {
  readonly kind: string;
  /** the shared document that it is about */
  readonly document?: string;
  readonly detail: string;
  readonly resolution: string;
}

/** A shared document that was written during a partition. */
export interface MergedDocument {
  readonly name: string;
  /** changes made on this node's side before the links were whole, and those that came from the others */
  readonly ours: number;
  readonly theirs: number;
  /** the ledger's word on what came of it, once it is there */
  readonly anchor?: { readonly digest: string; readonly sequence: number };
}

/** What became of the shared documents. */
export interface Merge {
  readonly documents: readonly MergedDocument[];
  readonly conflicts: readonly Conflict[];
}

export interface Episode {
  readonly id: string;
  /** Unix milliseconds; without `until` it goes on */
  readonly since: number;
  readonly until?: number;
  /** while it goes on, how it is; afterwards, what lasted longest */
  readonly state: ConnectivityState;
  readonly sides: Connectivity["sides"];
  readonly broken: Connectivity["broken"];
  /** executed here when it began, and when it was over */
  readonly sequences: { readonly since: number; readonly until?: number };
  /** ascending, the first `MAX_PHASES` */
  readonly phases: readonly Phase[];
  /** there from the end on */
  readonly catchUp?: CatchUp;
  /** there from the end on; the first `MAX_MERGED_DOCUMENTS` */
  readonly documents?: readonly MergedDocument[];
  /** the first `MAX_CONFLICTS` */
  readonly conflicts: readonly Conflict[];
}

/** What one look at the node saw; both clocks in milliseconds. */
export interface Look {
  readonly now: number;
  readonly wall: number;
  readonly connectivity: Connectivity;
  readonly executed: number;
  /** sequences that somebody is ahead */
  readonly behind: number;
  /** when this process last stood still: what follows at once is its own doing */
  readonly stalledAt: number | undefined;
  /** nothing of the others' documents has come for a moment */
  readonly merged: boolean;
  /** asked at the end of a partition */
  readonly merge: () => Merge;
}

export interface EpisodeEvent {
  readonly type: "opened" | "changed" | "closed";
  readonly episode: Episode;
}

export interface Episodes {
  update(look: Look): readonly EpisodeEvent[];
  /** sequences that came from another node with their certificates */
  transferred(sequences: number, bytes: number): void;
  /** told again, it is still one */
  conflict(conflict: Conflict): void;
  /** The ledger anchored a document: the latest partition that names it, and no anchor yet, has it from now on. */
  anchored(name: string, anchor: { readonly digest: string; readonly sequence: number }): void;
  /** a partition goes on, or links broke and it may become one */
  readonly isOpen: boolean;
  /** the latest `MAX_EPISODES`, oldest first */
  list(): readonly Episode[];
}

export const MAX_EPISODES = 128;
export const MAX_PHASES = 64;
export const MAX_CONFLICTS = 16;
export const MAX_MERGED_DOCUMENTS = 64;

/** Shorter than this is no partition: links open and close one after the other. Milliseconds. */
const OPEN_AFTER_MS = 400;
/** It is over once everything has worked for so long. */
const CLOSE_AFTER_MS = 1_000;
/** and documents have come together; but whoever never stops writing does not keep it open for longer than this. */
const MERGE_MS = 10_000;
/** After its start, and after it stood still, a node needs time to meet the others: until then their absence is its own. */
const FIRST_MS = 10_000;
const STALLED_MS = 5_000;

interface Open {
  readonly id: string;
  readonly since: number;
  readonly executedBefore: number;
  readonly phases: Phase[];
  readonly conflicts: Conflict[];
  /** of the phase that goes on */
  current: Phase;
  currentFrom: number;
  longest: Phase;
  longestMs: number;
  sequences: number;
  bytes: number;
  /** when this node could commit again, and what it then had to reach */
  able: { readonly at: number; readonly target: number } | undefined;
  caughtUpAt: number | undefined;
  whole: { readonly now: number; readonly wall: number } | undefined;
}

const samePhase = (phase: Phase, { state, sides, broken }: Connectivity): boolean =>
  phase.state === state && JSON.stringify([phase.sides, phase.broken]) === JSON.stringify([sides, broken]);

const isAble = (state: ConnectivityState): boolean => state === "whole" || state === "degraded";

const phaseOf = ({ connectivity: { state, sides, broken }, wall }: Look): Phase => ({ at: wall, state, sides, broken });

const openEpisode = (id: string, look: Look, since: { readonly now: number; readonly wall: number }): Open => {
  const first = { ...phaseOf(look), at: since.wall };
  return {
    id,
    since: since.wall,
    executedBefore: look.executed,
    phases: [first],
    conflicts: [],
    current: first,
    currentFrom: since.now,
    longest: first,
    longestMs: 0,
    sequences: 0,
    bytes: 0,
    able: undefined,
    caughtUpAt: undefined,
    whole: undefined,
  };
};

/** From when on, and to where, this node catches up; it may be thrown back. */
const followCatchUp = (open: Open, look: Look): void => {
  if (!isAble(look.connectivity.state)) open.able = undefined;
  else if (open.able === undefined) {
    open.able = { at: look.now, target: look.executed + look.behind };
    open.caughtUpAt = undefined;
  }
  if (open.able !== undefined && look.executed >= open.able.target) open.caughtUpAt ??= look.now;
};

/** Notes how the links are now. @returns whether that is news */
const follow = (open: Open, look: Look): boolean => {
  const { state } = look.connectivity;
  const lasted = look.now - open.currentFrom;
  if (open.current.state !== "whole" && lasted >= open.longestMs) {
    open.longest = open.current;
    open.longestMs = lasted;
  }
  followCatchUp(open, look);
  if (state !== "whole") open.whole = undefined;
  else open.whole ??= { now: look.now, wall: look.wall };
  if (samePhase(open.current, look.connectivity)) return false;
  open.current = phaseOf(look);
  open.currentFrom = look.now;
  if (open.phases.length < MAX_PHASES) open.phases.push(open.current);
  return true;
};

const report = (open: Open): Episode => ({
  id: open.id,
  since: open.since,
  state: open.current.state,
  sides: open.current.sides,
  broken: open.current.broken,
  sequences: { since: open.executedBefore },
  phases: [...open.phases],
  conflicts: [...open.conflicts],
});

const closing = (open: Open, look: Look, until: number, { documents, conflicts }: Merge): Episode => ({
  ...report(open),
  ...(documents.length === 0 ? {} : { documents }),
  conflicts: [...open.conflicts, ...conflicts].slice(0, MAX_CONFLICTS),
  until,
  state: open.longest.state,
  sides: open.longest.sides,
  broken: open.longest.broken,
  sequences: { since: open.executedBefore, until: look.executed },
  catchUp: {
    sequences: open.sequences,
    bytes: open.bytes,
    milliseconds: open.sequences === 0 ? 0 : Math.round((open.caughtUpAt ?? look.now) - (open.able?.at ?? look.now)),
  },
});

export const createEpisodes = (start: number): Episodes => {
  let closed: Episode[] = [];
  let open: Open | undefined;
  let opened = 0;
  let brokenSince: { readonly now: number; readonly wall: number } | undefined;
  let wasWhole = false;

  /** The absence of others is our own doing, or was not seen for long enough. */
  const tooSoon = ({ now, stalledAt }: Look, since: number): boolean => {
    if (!wasWhole && now - start < FIRST_MS) return true;
    if (stalledAt !== undefined && now - stalledAt < STALLED_MS) return true;
    return now - since < OPEN_AFTER_MS;
  };

  const begin = (look: Look): readonly EpisodeEvent[] => {
    if (look.connectivity.state === "whole") {
      wasWhole = true;
      brokenSince = undefined;
      return [];
    }
    brokenSince ??= { now: look.now, wall: look.wall };
    if (tooSoon(look, brokenSince.now)) return [];
    opened += 1;
    open = openEpisode(`${Math.round(brokenSince.wall)}-${opened}`, look, brokenSince);
    brokenSince = undefined;
    return [{ type: "opened", episode: report(open) }];
  };

  const go = (episode: Open, look: Look): readonly EpisodeEvent[] => {
    const changed = follow(episode, look);
    const { whole, caughtUpAt } = episode;
    const wholeMs = whole === undefined ? 0 : look.now - whole.now;
    if (whole !== undefined && wholeMs >= CLOSE_AFTER_MS && caughtUpAt !== undefined && (look.merged || wholeMs >= MERGE_MS)) {
      wasWhole = true;
      open = undefined;
      const over = closing(episode, look, whole.wall, look.merge());
      closed.push(over);
      if (closed.length > MAX_EPISODES) closed.shift();
      return [{ type: "closed", episode: over }];
    }
    return changed ? [{ type: "changed", episode: report(episode) }] : [];
  };

  return {
    update: (look) => (open === undefined ? begin(look) : go(open, look)),
    transferred(sequences, bytes) {
      if (open === undefined) return;
      open.sequences += sequences;
      open.bytes += bytes;
    },
    conflict(conflict) {
      if (open === undefined || open.conflicts.length >= MAX_CONFLICTS) return;
      if (!open.conflicts.some(({ kind, detail }) => kind === conflict.kind && detail === conflict.detail)) open.conflicts.push(conflict);
    },
    anchored(name, anchor) {
      const isWaiting = ({ documents = [] }: Episode): boolean => documents.some((each) => each.name === name && each.anchor === undefined);
      const latest = closed.findLast(isWaiting);
      if (latest === undefined) return;
      const documents = latest.documents?.map((each) => (each.name === name ? { ...each, anchor } : each)) ?? [];
      closed = closed.map((episode) => (episode === latest ? { ...latest, documents } : episode));
    },
    get isOpen() {
      return open !== undefined || brokenSince !== undefined;
    },
    list: () => (open === undefined ? [...closed] : [...closed, report(open)]),
  };
};
