/** libp2p's metrics component: it keeps the numbers that libp2p's parts count, to be read when somebody looks. */
import type { CalculatedMetricOptions, MetricOptions, Metrics } from "@libp2p/interface";
import type { LibraryFamily } from "../library.ts";

/** values of one label; what comes beyond them is counted together */
const maxKeys = 128;
const otherKey = "other";

type Values = Map<string, number>;
type Calculated = CalculatedMetricOptions<number | Record<string, number>>;
type Options = MetricOptions | Calculated;

interface Kept {
  readonly family: LibraryFamily;
  readonly values: Values;
}

const only = "";

const add = (values: Values, key: string, by: number): void => {
  const known = values.has(key) || values.size < maxKeys ? key : otherKey;
  values.set(known, (values.get(known) ?? 0) + by);
};

/** What libp2p's parts hold in their hands, by the kind of number; each works on the same values. */
const handles = (values: Values) => {
  const change =
    (sign: 1 | -1) =>
    (given: number | Partial<Record<string, number | true>> = 1) => {
      if (typeof given === "number") add(values, only, sign * given);
      else for (const [key, by = 0] of Object.entries(given)) add(values, key, sign * Number(by));
    };
  const update = (given: number | Partial<Record<string, number>>): void => {
    for (const [key, value = 0] of typeof given === "number" ? [[only, given] as const] : Object.entries(given)) {
      add(values, key, value - (values.get(key) ?? 0));
    }
  };
  const timer = (key: string = only) => {
    const began = performance.now();
    return () => update({ [key]: (performance.now() - began) / 1_000 });
  };
  return { update, increment: change(1), decrement: change(-1), reset: () => values.clear(), timer };
};

/** Sum and count of what was observed: all that a mean needs. */
const observer = (sums: Values, counts: Values) => {
  const observe = (given: number | Partial<Record<string, number>>): void => {
    for (const [key, value = 0] of typeof given === "number" ? [[only, given] as const] : Object.entries(given)) {
      add(sums, key, value);
      add(counts, key, 1);
    }
  };
  const timer = (key: string = only) => {
    const began = performance.now();
    return () => observe({ [key]: (performance.now() - began) / 1_000 });
  };
  return {
    observe,
    timer,
    reset: () => {
      sums.clear();
      counts.clear();
    },
  };
};

const toSamples = (read: number | Readonly<Record<string, number>>, grouped: boolean) =>
  typeof read === "number" || !grouped
    ? [{ value: Number(read) }]
    : Object.entries(read)
        .slice(0, maxKeys)
        .map(([key, value]) => ({ key, value }));

const labelOf = (text: string | undefined): string => (text ?? "kind").replaceAll(/\W/g, "_");

/** @returns the component, and what it has been told of so far */
export const createLibraryMetrics = (): { readonly metrics: Metrics; families(): readonly LibraryFamily[] } => {
  /** by name; libp2p registers some a hundred, once each */
  const families = new Map<string, Kept>();

  const keep = (type: LibraryFamily["type"], grouped: boolean, given: string, options: Options = {}): Values => {
    const name = given.replaceAll(/\W/g, "_");
    const known = families.get(name);
    if (known !== undefined) return known.values;
    const values: Values = new Map(grouped ? [] : [[only, 0]]);
    const read = async (): ReturnType<LibraryFamily["read"]> =>
      "calculate" in options
        ? toSamples(await options.calculate(), grouped)
        : [...values].map(([key, value]) => (grouped ? { key, value } : { value }));
    const family = { type, name, help: options.help ?? given, ...(grouped ? { label: labelOf(options.label) } : {}), read };
    families.set(name, { family, values });
    return values;
  };
  const numbers = (type: LibraryFamily["type"], grouped: boolean) => (name: string, options?: Options) =>
    handles(keep(type, grouped, name, options));
  const observed = (grouped: boolean) => (name: string, options?: Options) =>
    observer(keep("counter", grouped, `${name}_sum`, options), keep("counter", grouped, `${name}_count`, options));

  const metrics = {
    // bytes and frames are counted where they are framed (`counters.ts`); a listener on each stream would cost on each message
    trackMultiaddrConnection: () => undefined,
    trackProtocolStream: () => undefined,
    registerMetric: numbers("gauge", false),
    registerMetricGroup: numbers("gauge", true),
    registerCounter: numbers("counter", false),
    registerCounterGroup: numbers("counter", true),
    registerHistogram: observed(false),
    registerHistogramGroup: observed(true),
    registerSummary: observed(false),
    registerSummaryGroup: observed(true),
    traceFunction: <F>(_name: string, traced: F): F => traced,
    createTrace: () => undefined,
  };
  return { metrics: metrics as unknown as Metrics, families: () => [...families.values()].map(({ family }) => family) };
};
