/** What the node measures of itself as it runs: PBFT's phases, batches, view changes, refusals, the disk. Read by `metrics.ts`. */
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Batch } from "../../protocol/messages.ts";
import type { Store } from "../../storage/port.ts";
import { createDistribution, type Distribution } from "./distribution.ts";
import type { Observe } from "../pipeline/engine.ts";

/** request → pre-prepare → prepared → committed → executed, and all of it (PROTOCOL §3) */
export const phases = ["pre-prepare", "prepare", "commit", "execute", "request"] as const;
export type Phase = (typeof phases)[number];

export interface Measures {
  readonly observe: Observe;
  /** the store, with its writes measured */
  measured(store: Pick<Store, "write">): Pick<Store, "write">;
  /** seconds */
  readonly phases: Readonly<Record<Phase, Distribution>>;
  readonly batchRequests: Distribution;
  readonly batchBytes: Distribution;
  readonly executed: { batches: number; requests: number; operations: number };
  /** by the kind of input that caused them */
  readonly viewChanges: ReadonlyMap<string, number>;
  readonly newViews: number;
  /** by `input reason action` */
  readonly rejections: ReadonlyMap<string, number>;
  readonly journal: { operations: number; readonly group: Distribution; readonly seconds: Distribution };
}

const secondsBounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const countBounds = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
const byteBounds = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];
/** Requests and slots whose times are remembered; beyond it the oldest is not measured. */
const REMEMBERED = 16_384;

const remember = <K, V>(map: Map<K, V>, key: K, value: V): void => {
  map.set(key, value);
  if (map.size > REMEMBERED) for (const oldest of map.keys()) return void map.delete(oldest);
};
const add = (map: Map<string, number>, name: string): void => void map.set(name, (map.get(name) ?? 0) + 1);

const createPhases = (): Record<Phase, Distribution> => ({
  "pre-prepare": createDistribution(secondsBounds),
  prepare: createDistribution(secondsBounds),
  commit: createDistribution(secondsBounds),
  execute: createDistribution(secondsBounds),
  request: createDistribution(secondsBounds),
});

interface Slot {
  /** monotonic milliseconds of the last phase that was reached */
  since: number;
  phase: "prepare" | "commit" | "execute";
  /** when its requests arrived */
  arrivals: readonly number[];
}

/** Times requests and slots through the phases. */
const createStopwatch = (times: Readonly<Record<Phase, Distribution>>, now: () => number) => {
  const arrivals = new Map<Digest, number>();
  const slots = new Map<Sequence, Slot>();
  const lap = (sequence: Sequence, from: Slot["phase"], to: Slot["phase"] | undefined): void => {
    const slot = slots.get(sequence);
    if (slot === undefined || slot.phase !== from) return;
    const at = now();
    times[from].observe((at - slot.since) / 1_000);
    slot.since = at;
    if (to !== undefined) slot.phase = to;
    else {
      slots.delete(sequence);
      for (const arrival of slot.arrivals) times.request.observe((at - arrival) / 1_000);
    }
  };
  return {
    arrived(id: Digest): void {
      if (!arrivals.has(id)) remember(arrivals, id, now());
    },
    proposed(sequence: Sequence, batch: Batch): void {
      if (slots.has(sequence)) return;
      const at = now();
      const known = batch.requests.map(({ id }) => arrivals.get(id)).filter((arrival) => arrival !== undefined);
      for (const arrival of known) times["pre-prepare"].observe((at - arrival) / 1_000);
      remember(slots, sequence, { since: at, phase: "prepare", arrivals: known });
    },
    prepared: (sequence: Sequence) => lap(sequence, "prepare", "commit"),
    committed(sequence: Sequence, batch: Batch): void {
      lap(sequence, "commit", "execute");
      for (const { id } of batch.requests) arrivals.delete(id);
    },
    executed: (sequence: Sequence) => lap(sequence, "execute", undefined),
    /** what was proposed in the view that is left may be proposed again: it is timed anew */
    leftView: () => slots.clear(),
  };
};

/** @param now monotonic milliseconds */
export const createMeasures = (now: () => number): Measures => {
  const times = createPhases();
  const watch = createStopwatch(times, now);
  const batchRequests = createDistribution(countBounds);
  const batchBytes = createDistribution(byteBounds);
  const executed = { batches: 0, requests: 0, operations: 0 };
  const viewChanges = new Map<string, number>();
  const rejections = new Map<string, number>();
  const journal = { operations: 0, group: createDistribution(countBounds), seconds: createDistribution(secondsBounds) };
  let newViews = 0;

  const onInput = (input: Input): void => {
    if (input.type === "request") watch.arrived(input.request.id);
    else if (input.type === "pre-prepare" && input.batch !== undefined) watch.proposed(input.signed.message.sequence, input.batch);
    else if (input.type === "executed") watch.executed(input.sequence);
  };
  const onEffect = (input: Input, effect: Effect): void => {
    switch (effect.type) {
      case "propose":
        return watch.proposed(effect.message.sequence, effect.batch);
      case "save":
        if (effect.record.type === "prepared") watch.prepared(effect.record.certificate.sequence);
        else if (effect.record.type === "entered-view") newViews += 1;
        return;
      case "execute":
        watch.committed(effect.certificate.sequence, effect.batch);
        batchRequests.observe(effect.batch.requests.length);
        batchBytes.observe(effect.batch.bytes.length);
        executed.batches += 1;
        executed.requests += effect.batch.requests.length;
        for (const { operations } of effect.batch.requests) executed.operations += operations.length;
        return;
      case "announce":
        if (effect.message.kind === "new-view") newViews += 1;
        else add(viewChanges, input.type);
        return watch.leftView();
      case "reject":
        return add(rejections, `${effect.input} ${effect.rejection.reason} ${effect.rejection.action}`);
      default:
    }
  };

  return {
    observe(input, effects) {
      onInput(input);
      for (const effect of effects) onEffect(input, effect);
    },
    measured: (store) => ({
      write(operations, options, done) {
        const began = now();
        journal.operations += operations.length;
        journal.group.observe(operations.length);
        store.write(operations, options, (error) => {
          journal.seconds.observe((now() - began) / 1_000);
          done(error);
        });
      },
    }),
    phases: times,
    batchRequests,
    batchBytes,
    executed,
    viewChanges,
    rejections,
    journal,
    get newViews() {
      return newViews;
    },
  };
};
