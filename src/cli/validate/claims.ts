/** What is claimed, and what came of trying it. */
import { confidenceText, failureRateBelow } from "./confidence.ts";

/** The network that is tried. */
export interface Size {
  /** validators */
  readonly n: number;
  /** of which so many may fail */
  readonly f: number;
  readonly quorum: number;
}

/** What a fault may cost at most, milliseconds (docs/operators.md, "Proving the claims"). */
export const bounds = { recoveryMs: 3_000, wholeMs: 5_000, firstWriteMs: 3_000, rejoinMs: 30_000 } as const;

/** Every claim in one sentence, in the order in which they are told. */
const sentences = {
  agreement: ({ n, f }) => `the logs of all ${n - f} validators that stayed honest are equal, sequence by sequence, after everything`,
  linearizable: () =>
    "what clients were told is linearizable: there is one order of all reads and writes that fits every answer and the time it was given",
  durable: ({ n, f }) => `no acknowledged write is lost, through kill -9 of ${f} and of all ${n} nodes at once`,
  "exactly-once": ({ n }) => `a signed request executes once, however often it is sent through all ${n} nodes`,
  proofs: () => "the proof of a read convinces offline, and not any more once a character of it is altered",
  primary: () => `writes go on within ${bounds.recoveryMs / 1000} s of the kill of the primary`,
  "crash-f": ({ f }) => `with ${f} killed, the primary among them, every write succeeds`,
  "crash-more": ({ n, quorum }) =>
    `with ${n - quorum + 1} killed no write is acknowledged, every one is refused as no_quorum, and all goes on after the restart`,
  cut: ({ quorum }) => `where a cut leaves no side ${quorum} validators, neither commits anything, and every write is refused as no_quorum`,
  heal: () =>
    `after the heal writes go on within ${bounds.firstWriteMs / 1000} s, and every node is whole within ${bounds.wholeMs / 1000} s`,
  rejoin: () => `every node that was killed or cut off takes part again within ${bounds.rejoinMs / 1000} s`,
  "catch-up": () => "a node that was cut off catches up faster than the others write",
  detection: ({ f }) =>
    `${f === 1 ? "a validator" : `${f} validators`} cheating in every way that can be seen ${f === 1 ? "is" : "are"} found out, and named`,
  accusation: () => "no honest validator was accused by an honest one, of anything, at any time",
  lies: () => "a client that verifies believes no lie of a node that lies to it, and has the right answer from the others",
} as const satisfies Readonly<Record<string, (size: Size) => string>>;

export type ClaimId = keyof typeof sentences;

export const claimIds = Object.keys(sentences) as readonly ClaimId[];

/** One claim, as it is answered. */
export interface Claim {
  readonly id: ClaimId;
  readonly claim: string;
  /** something was tried, and all of it passed */
  readonly verified: boolean;
  readonly passed: number;
  readonly total: number;
  /** with 95 % confidence, from the counts alone */
  readonly failureRateBelow: number;
  readonly confidence: string;
  /** what was done and seen */
  readonly evidence: string;
}

/** What came of one validator's cheating in one way. */
export interface Detection {
  /** the cheat's index */
  readonly node: number;
  readonly behaviour: string;
  /** what it was found out by */
  readonly method: string;
  /** what was done about it */
  readonly action: string;
  /** the one that was named is the one who did it, while it did; nobody honest was named meanwhile */
  readonly correct: boolean;
}

/** Counts the trials of one claim. */
export interface Tally {
  /** one trial */
  check(passed: boolean, problem: string): void;
  /** many trials, with what went wrong in some */
  count(passed: number, total: number, problems: readonly string[]): void;
  /** what was done and seen, for people */
  tell(text: string): void;
  /** it could not be tried to the end */
  broke(reason: string): void;
}

/** problems that are told; the others are counted */
const toldProblems = 3;
/** of one problem, characters */
const maxProblem = 600;

const shortened = (text: string): string => (text.length <= maxProblem ? text : `${text.slice(0, maxProblem)}…`);

export interface Book {
  tally(id: ClaimId): Tally;
  /** the claims of these ids, in the order of the list */
  claims(ids: readonly ClaimId[]): readonly Claim[];
}

interface Entry {
  passed: number;
  total: number;
  problemCount: number;
  readonly problems: string[];
  readonly told: string[];
  readonly broken: string[];
}

const evidenceOf = ({ told, problems, problemCount, broken }: Entry): string => {
  const more = problemCount > problems.length ? [`and ${problemCount - problems.length} more like it`] : [];
  return [...told, ...problems, ...more, ...broken].join("; ");
};

/** Keeps a few problems of each claim, and counts the rest. */
export const createBook = (size: Size): Book => {
  const entries = new Map<ClaimId, Entry>();
  const entryOf = (id: ClaimId): Entry => {
    const known = entries.get(id) ?? { passed: 0, total: 0, problemCount: 0, problems: [], told: [], broken: [] };
    entries.set(id, known);
    return known;
  };
  return {
    tally(id) {
      const entry = entryOf(id);
      const note = (problem: string): void => {
        entry.problemCount += 1;
        if (entry.problems.length < toldProblems) entry.problems.push(shortened(problem));
      };
      return {
        check(passed, problem) {
          entry.total += 1;
          if (passed) entry.passed += 1;
          else note(problem);
        },
        count(passed, total, problems) {
          entry.passed += passed;
          entry.total += total;
          problems.forEach(note);
        },
        tell: (text) => void entry.told.push(text),
        broke: (reason) => void (entry.broken.length < toldProblems && entry.broken.push(`not tried to the end: ${shortened(reason)}`)),
      };
    },
    claims: (ids) =>
      claimIds
        .filter((id) => ids.includes(id))
        .map((id) => {
          const entry = entryOf(id);
          const { passed, total, broken, problemCount } = entry;
          return {
            id,
            claim: sentences[id](size),
            verified: total > 0 && passed === total && problemCount === 0 && broken.length === 0,
            passed,
            total,
            failureRateBelow: failureRateBelow(total - passed, total),
            confidence: confidenceText(passed, total),
            evidence: total === 0 && entry.told.length === 0 && broken.length === 0 ? "nothing was tried" : evidenceOf(entry),
          };
        }),
  };
};
