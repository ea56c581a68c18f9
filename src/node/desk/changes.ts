/** The key-value store's changes in the ledger's order, read from the blocks and results that are kept: what `/v1/watch` shows. */
import { decodeAnswers } from "../../ledger/answers.ts";
import { changesOf } from "../../ledger/kv/changes.ts";
import { decodeOperation, decodeResult } from "../../ledger/kv/encoding.ts";
import { toSequence, type Sequence } from "../../protocol/ids.ts";
import type { Changes, PlacedChange } from "../feeds.ts";
import type { History } from "../data/history.ts";

export interface ChangeFeed extends Changes {
  /** a batch was executed and is durable */
  executed(sequence: Sequence): void;
}

const BLOCKS_AT_ONCE = 64;
/** Blocks whose changes are remembered for the other watchers, all together up to this many bytes; beyond it the oldest goes. */
const REMEMBERED_BYTES = 4 * 1024 * 1024;
/** what a change takes beside its key and value */
const CHANGE_BYTES = 128;

const sizeOf = ({ key, ...change }: PlacedChange): number => CHANGE_BYTES + key.length + (change.type === "put" ? change.value.length : 0);

const startsWith = (key: Uint8Array, prefix: Uint8Array): boolean =>
  key.length >= prefix.length && prefix.every((byte, index) => key[index] === byte);

/** Undefined when the block is not, or no longer, kept. */
const changesIn = (history: History, sequence: Sequence): readonly PlacedChange[] | undefined => {
  const block = history.block(sequence);
  const results = block === undefined ? undefined : history.results(sequence);
  const answers = results === undefined ? undefined : decodeAnswers(results);
  if (block === undefined || answers === undefined) return undefined;
  const changes = block.batch.requests.flatMap(({ operations }, index) => {
    const answer = answers[index];
    if (answer?.outcome.status !== "executed") return [];
    return operations.flatMap((operation, position) => {
      const result = answer.results[position];
      return result === undefined ? [] : changesOf(decodeOperation(operation), decodeResult(result));
    });
  });
  return changes.map((change, index) => ({ ...change, sequence, index }));
};

/** @param executed the last executed sequence that is durable when the feed is made */
export const createChangeFeed = (history: History, executed: Sequence): ChangeFeed => {
  let upTo = executed;
  const wakes = new Set<() => void>();
  const remembered = new Map<Sequence, { readonly changes: readonly PlacedChange[]; readonly bytes: number }>();
  let rememberedBytes = 0;

  const changesAt = (sequence: Sequence): readonly PlacedChange[] | undefined => {
    const known = remembered.get(sequence);
    if (known !== undefined) return known.changes;
    const changes = changesIn(history, sequence);
    if (changes === undefined) return undefined;
    const bytes = changes.reduce((sum, change) => sum + sizeOf(change), CHANGE_BYTES);
    remembered.set(sequence, { changes, bytes });
    rememberedBytes += bytes;
    for (const [oldest, entry] of remembered) {
      if (rememberedBytes <= REMEMBERED_BYTES) break;
      remembered.delete(oldest);
      rememberedBytes -= entry.bytes;
    }
    return changes;
  };

  /** What is kept is all of the log but its beginning. */
  const oldestKept = (missing: Sequence): Sequence => {
    let [gone, kept] = [missing as number, upTo + 1];
    while (kept - gone > 1) {
      const middle = Math.floor((gone + kept) / 2);
      if (history.header(toSequence(middle)) === undefined) gone = middle;
      else kept = middle;
    }
    return toSequence(kept);
  };

  return {
    read(from, prefix, maxBytes) {
      const found: PlacedChange[] = [];
      let bytes = 0;
      let next = from;
      for (let blocks = 0; blocks < BLOCKS_AT_ONCE && next.sequence <= upTo && bytes < maxBytes; blocks += 1) {
        const changes = changesAt(next.sequence);
        if (changes === undefined) {
          // what was found before the hole is told first
          return found.length > 0
            ? { status: "ok", changes: found, next, more: true }
            : { status: "gone", oldest: oldestKept(next.sequence) };
        }
        for (const change of changes) {
          if (change.index < next.index || !startsWith(change.key, prefix)) continue;
          found.push(change);
          bytes += sizeOf(change);
        }
        next = { sequence: toSequence(next.sequence + 1), index: 0 };
      }
      return { status: "ok", changes: found, next, more: next.sequence <= upTo };
    },
    subscribe(wake) {
      wakes.add(wake);
      return () => void wakes.delete(wake);
    },
    executed(sequence) {
      upTo = toSequence(Math.max(upTo, sequence));
      for (const wake of wakes) wake();
    },
    get upTo() {
      return upTo;
    },
  };
};
