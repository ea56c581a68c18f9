/**
 * Whether what clients saw of keys is linearizable. Every write of a key gives it the next version, and every answer names the version it is about: the
 * versions are the order that the ledger claims, so nothing has to be searched. What is left to show is that this order is one (no version twice,
 * none that nobody wrote), that reads tell what was written there, and that it keeps real time: whatever had ended before something else began comes
 * before it. Linearizability is local (Herlihy & Wing): keys are judged one by one. Places in the ledger are judged besides, over all keys.
 */

/** One call of a client and what came of it. Values are unique over all writes of a history. */
export interface Call {
  readonly client: string;
  readonly key: string;
  /** what was to be written; absent in a read */
  readonly value?: string;
  /** the version it was to replace; a write without a condition replaces any */
  readonly expect?: number;
  /** milliseconds of one clock */
  readonly start: number;
  readonly end: number;
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly type: "written"; readonly version: number; readonly sequence: number; readonly request: string }
  /** the key had another version than the one expected: a read of it */
  | { readonly type: "conflict"; readonly version: number }
  /** version 0 where there is no such key */
  | { readonly type: "read"; readonly version: number; readonly value: string | undefined }
  /** no answer that tells: it may have happened, now or later, or never */
  | { readonly type: "unknown" };

/** A call whose place among the versions of its key is known. */
interface Placed {
  readonly what: string;
  readonly version: number;
  readonly writes: boolean;
  readonly start: number;
  readonly end: number;
}

const describe = (call: Call): string => {
  const what = call.value === undefined ? "reads" : `writes ${call.value}${call.expect === undefined ? "" : ` over ${call.expect}`}`;
  return `${call.client} ${what} in ${call.key} from ${call.start.toFixed(1)} to ${call.end.toFixed(1)}: ${JSON.stringify(call.outcome)}`;
};

/** The value that each version is seen to have; complains where two calls differ, or a value is seen that nobody writes. */
const valuesOf = (calls: readonly Call[], problems: string[]): Map<number, string> => {
  const values = new Map<number, string>();
  const versions = new Map<string, number>();
  const writer = new Map(calls.flatMap((call) => (call.value === undefined ? [] : [[call.value, call] as const])));
  const note = (version: number, value: string, call: Call): void => {
    const known = values.get(version);
    if (known !== undefined && known !== value) problems.push(`version ${version} is both ${known} and ${value}: ${describe(call)}`);
    const other = versions.get(value);
    if (other !== undefined && other !== version) problems.push(`${value} is at versions ${other} and ${version}: ${describe(call)}`);
    if (!writer.has(value)) problems.push(`nobody writes ${value}: ${describe(call)}`);
    values.set(version, value);
    versions.set(value, version);
  };
  for (const call of calls) {
    const { outcome } = call;
    if (outcome.type === "written") {
      if (values.has(outcome.version) && values.get(outcome.version) !== call.value)
        problems.push(`two writes have version ${outcome.version}: ${describe(call)}`);
      if (call.expect !== undefined && outcome.version !== call.expect + 1) problems.push(`it replaced another version: ${describe(call)}`);
      note(outcome.version, call.value ?? "", call);
    } else if (outcome.type === "conflict") {
      if (outcome.version === call.expect) problems.push(`a conflict with the very version expected: ${describe(call)}`);
    } else if (outcome.type === "read") {
      if ((outcome.version === 0) !== (outcome.value === undefined))
        problems.push(`a version without a value, or none with one: ${describe(call)}`);
      if (outcome.value !== undefined) note(outcome.version, outcome.value, call);
    }
  }
  return values;
};

/** Calls of one key with their places. A write without an answer has one when somebody read what it wrote; it may have happened any time later. */
const place = (calls: readonly Call[], values: ReadonlyMap<number, string>): Placed[] => {
  const versions = new Map([...values].map(([version, value]) => [value, version]));
  return calls.flatMap((call): Placed[] => {
    const { outcome, start, end } = call;
    const what = describe(call);
    if (outcome.type === "written") return [{ what, version: outcome.version, writes: true, start, end }];
    if (outcome.type !== "unknown") return [{ what, version: outcome.version, writes: false, start, end }];
    const version = call.value === undefined ? undefined : versions.get(call.value);
    return version === undefined ? [] : [{ what, version, writes: true, start, end: Number.POSITIVE_INFINITY }];
  });
};

/** Whatever ended before another began comes before it. */
const judgeTime = (placed: readonly Placed[], problems: string[]): void => {
  const byEnd = placed.toSorted((a, b) => a.end - b.end);
  let ended = 0;
  let latest: Placed | undefined;
  for (const call of placed.toSorted((a, b) => a.start - b.start)) {
    for (; ended < byEnd.length && (byEnd[ended] as Placed).end < call.start; ended += 1) {
      const each = byEnd[ended] as Placed;
      if (latest === undefined || each.version > latest.version) latest = each;
    }
    if (latest === undefined) continue;
    if (call.writes ? call.version <= latest.version : call.version < latest.version)
      problems.push(`behind what had ended before it began: ${call.what}; before: ${latest.what}`);
  }
};

const judgeKey = (calls: readonly Call[], problems: string[]): void => {
  const values = valuesOf(calls, problems);
  const placed = place(calls, values);
  const top = placed.reduce((highest, { version }) => Math.max(highest, version), 0);
  const written = new Set(placed.flatMap(({ writes, version }) => (writes ? [version] : []))).size;
  const open = calls.filter(({ value, outcome }) => value !== undefined && outcome.type === "unknown").length;
  const openAndPlaced = placed.filter(({ writes, end }) => writes && end === Number.POSITIVE_INFINITY).length;
  if (top - written > open - openAndPlaced)
    problems.push(`${calls[0]?.key}: ${top} versions, but only ${written} writes and ${open - openAndPlaced} that may have happened`);
  judgeTime(placed, problems);
};

/** Places in the ledger, over all keys. */
const judgePlaces = (calls: readonly Call[], problems: string[]): void => {
  const placed = calls.flatMap((call): Placed[] =>
    call.outcome.type === "written"
      ? [{ what: describe(call), version: call.outcome.sequence, writes: true, start: call.start, end: call.end }]
      : [],
  );
  judgeTime(placed, problems);
};

/** What contradicts linearizability; empty when nothing does. Takes n log n. */
export const contradictions = (calls: readonly Call[]): string[] => {
  const problems: string[] = [];
  const keys = new Map<string, Call[]>();
  for (const call of calls) {
    const known = keys.get(call.key);
    if (known === undefined) keys.set(call.key, [call]);
    else known.push(call);
  }
  for (const own of keys.values()) judgeKey(own, problems);
  judgePlaces(calls, problems);
  return problems;
};
