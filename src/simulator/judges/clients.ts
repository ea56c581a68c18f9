/**
 * What clients were told: each answer is the one of the ledger's history, and the history is a linearization: whoever asks after another was
 * answered comes later in it. The order of the ledger is the witness, so that no search is needed.
 */
import type { Digest } from "../../protocol/ids.ts";
import type { HistoryJudge, Position } from "./history.ts";
import type { Violate } from "./violation.ts";

/** What a client knows when it asks: nothing that is answered to it may be older. */
export interface Asked {
  readonly after: Position;
}

export interface ClientJudge {
  /** a client asks for something */
  asks(): Asked;
  /** an honest node answers a request for the first time to this client */
  answered(node: number, asked: Asked, request: Digest, sequence: number, index: number | undefined, results: readonly Uint8Array[]): void;
  /** an honest node answers a linearizable read, with everything up to `sequence` executed */
  read(node: number, asked: Asked, key: Uint8Array, value: Uint8Array | undefined, sequence: number): void;
  /** judges what had to wait until the history was known; everything acknowledged is in it */
  settle(atEnd: boolean): void;
  readonly acknowledged: number;
}

interface Answer {
  readonly node: number;
  readonly asked: Asked;
  readonly request: Digest;
  readonly sequence: number;
  readonly index: number | undefined;
  readonly results: readonly Uint8Array[];
}

interface Read {
  readonly node: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly sequence: number;
}

const isBefore = (a: Position, b: Position): boolean => a.sequence < b.sequence || (a.sequence === b.sequence && a.index < b.index);
const same = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.from(a).equals(b);

/** A plain user's operations travel in one request with those of others, next to each other. */
const isPart = (part: readonly Uint8Array[], whole: readonly Uint8Array[]): boolean =>
  whole.some((_, from) => from + part.length <= whole.length && part.every((result, at) => same(result, whole[from + at])));

export const createClientJudge = (history: HistoryJudge, violate: Violate): ClientJudge => {
  /** the latest position that any client was told of */
  let known: Position = { sequence: 0, index: 0 };
  let acknowledged = 0;
  /** both wait for the history: the first node that executes something answers before it tells the judges */
  let reads: Read[] = [];
  let answers: Answer[] = [];
  const told = new Set<Digest>();

  const learn = (position: Position): void => {
    if (isBefore(known, position)) known = position;
  };

  const judgeAnswer = ({ node, asked, request, sequence, index, results }: Answer): void => {
    const position = history.position(request);
    if (position === undefined) return violate("durability", `#${node} answers request ${request}, which is not in the history`);
    if (position.sequence !== sequence || (index !== undefined && position.index !== index))
      return violate("reply-truth", `#${node} answers that request ${request} is at ${sequence}, it is at ${position.sequence}`);
    const expected = history.results(position) ?? [];
    const isRight = index === undefined ? isPart(results, expected) : results.length === expected.length && isPart(results, expected);
    if (!isRight) violate("reply-truth", `#${node} answers request ${request} with other results than the history has`);
    if (!isBefore(asked.after, position))
      violate("linearizability", `request ${request} was made after ${asked.after.sequence} was known, and stands at ${sequence}`);
  };

  const judgeRead = ({ node, key, value, sequence }: Read): void => {
    if (sequence > history.executedUpTo)
      return violate("durability", `#${node} reads as of sequence ${sequence}, which nobody has executed`);
    const expected = history.model.valueAt(key, sequence);
    const right = value === undefined ? expected === undefined : same(value, expected);
    if (!right) violate("linearizability", `#${node} reads another value as of sequence ${sequence} than the history has`);
  };

  return {
    asks: () => ({ after: known }),
    answered(node, asked, request, sequence, index, results) {
      acknowledged += 1;
      told.add(request);
      learn({ sequence, index: index ?? -1 });
      answers.push({ node, asked, request, sequence, index, results });
    },
    read(node, asked, key, value, sequence) {
      if (sequence < asked.after.sequence)
        violate("linearizability", `#${node} reads as of sequence ${sequence} what was asked after ${asked.after.sequence} was known`);
      reads.push({ node, key, value, sequence });
      learn({ sequence, index: Number.MAX_SAFE_INTEGER });
    },
    settle(atEnd) {
      const known = (sequence: number): boolean => atEnd || sequence <= history.executedUpTo;
      for (const answer of answers) if (known(answer.sequence)) judgeAnswer(answer);
      for (const read of reads) if (known(read.sequence)) judgeRead(read);
      answers = answers.filter(({ sequence }) => !known(sequence));
      reads = reads.filter(({ sequence }) => !known(sequence));
      if (!atEnd) return;
      for (const request of told)
        if (history.position(request) === undefined) violate("durability", `request ${request} was acknowledged and is gone`);
    },
    get acknowledged() {
      return acknowledged;
    },
  };
};
