/** Messages of views this replica has not entered yet: a new primary's first proposals often overtake its NEW-VIEW. */
import type { ReplicaIndex, View } from "../protocol/ids.ts";
import type { Input } from "./input.ts";
import { EARLY_PER_SENDER, reject, type State, type Turn } from "./state.ts";

type Keepable = Extract<Input, { type: "pre-prepare" | "prepare" | "commit" }>;

/** Largest batch, in bytes, that an early proposal may keep; a larger one is fetched again when the view is entered. */
const EARLY_BATCH_BYTES = 64 * 1024;

/**
 * True when the message is not for the present view: an old one is refused, a later one kept within its sender's bound,
 * so that nobody can push out what others sent.
 */
export const keepForLater = (turn: Turn, input: Keepable, view: View, from: ReplicaIndex): boolean => {
  const { state } = turn;
  if (view < state.view) {
    reject(turn, input.type, "old-view", { from });
    return true;
  }
  if (view === state.view && state.active) return false;
  const kept = (state.early.get(from) ?? []).filter((other) => viewOf(other as Keepable) >= state.view);
  if (kept.some((other) => sameContent(other as Keepable, input))) reject(turn, input.type, "duplicate", { from });
  else if (kept.length >= EARLY_PER_SENDER) reject(turn, input.type, "early-buffer-full", { from });
  else kept.push(withoutLargeBatch(input));
  state.early.set(from, kept);
  return true;
};

/** Every PREPARE of others brings a copy of the primary's proposal: one is kept. */
const sameContent = (a: Keepable, b: Keepable): boolean => {
  const [one, other] = [a.signed.message, b.signed.message];
  return a.type === b.type && one.sequence === other.sequence && one.view === other.view && one.digest === other.digest;
};

const withoutLargeBatch = (input: Keepable): Keepable =>
  input.type === "pre-prepare" && (input.batch?.bytes.length ?? 0) > EARLY_BATCH_BYTES ? { type: input.type, signed: input.signed } : input;

/** What may be handled now that a view was entered; later views stay, older ones are forgotten. */
export const takeEarly = (state: State): Input[] => {
  const due: Input[] = [];
  for (const [from, kept] of state.early) {
    const later: Input[] = [];
    for (const input of kept) {
      const view = viewOf(input as Keepable);
      if (view === state.view) due.push(input);
      else if (view > state.view) later.push(input);
    }
    if (later.length === 0) state.early.delete(from);
    else state.early.set(from, later);
  }
  return due;
};

const viewOf = (input: Keepable): View => input.signed.message.view;
