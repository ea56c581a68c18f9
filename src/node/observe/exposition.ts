/** The families as Prometheus text. prom-client is loaded when somebody asks for the first time: it takes memory that most nodes can do without. */
import type * as prom from "prom-client";
import type { Histogram, Registry } from "prom-client";
import type { Family, HistogramFamily } from "./metrics.ts";

type Library = Pick<typeof prom, "Counter" | "Gauge">;

export interface Exposition {
  /** media type of the text */
  readonly type: string;
  readonly text: string;
}

/** What a scrape is told about one histogram, in prom-client's terms: buckets are cumulative. */
const histogramValues = ({ name, read }: HistogramFamily) =>
  read().flatMap(({ labels = {}, distribution: { bounds, counts, sum, count } }) => {
    let upTo = 0;
    const buckets = bounds.map((le, index) => {
      upTo += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, value: upTo, labels: { ...labels, le } };
    });
    return [
      ...buckets,
      { metricName: `${name}_bucket`, value: count, labels: { ...labels, le: "+Inf" } },
      { metricName: `${name}_sum`, value: sum, labels },
      { metricName: `${name}_count`, value: count, labels },
    ];
  });

/** Adds what the registry does not have yet. */
const register = ({ Counter, Gauge }: Library, registry: Registry, families: readonly Family[]): void => {
  for (const family of families) {
    if (registry.getSingleMetric(family.name) !== undefined) continue;
    const { name, help, labels = [] } = family;
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (family.type === "histogram") {
      // not the library's own class, which counts from its creation on: these were measured since the node started
      const report = (): Promise<object> => Promise.resolve({ name, help, type: "histogram", values: histogramValues(family) });
      registry.registerMetric({ name, help, get: report } as unknown as Histogram);
      continue;
    }
    const samples = async () => {
      const read = await family.read();
      return typeof read === "number"
        ? [{ labels: {}, value: read }]
        : read.map(({ labels: given = {}, value }) => ({ labels: given, value }));
    };
    if (family.type === "gauge") {
      new Gauge({
        ...options,
        async collect() {
          const found = await samples();
          this.reset();
          for (const { labels: given, value } of found) this.set(given, value);
        },
      });
    } else {
      new Counter({
        ...options,
        async collect() {
          const found = await samples();
          this.reset();
          for (const { labels: given, value } of found) this.inc(given, value);
        },
      });
    }
  }
};

/**
 * @param families asked at each scrape: libraries register theirs when they first need them
 * @returns what answers `GET /metrics`
 */
export const createExposition = (families: () => readonly Family[]): (() => Promise<Exposition>) => {
  let loading: Promise<{ readonly library: Library; readonly registry: Registry }> | undefined;
  const load = async () => {
    const library = await import("prom-client");
    const registry = new library.Registry();
    library.collectDefaultMetrics({ register: registry, prefix: "byz_" });
    return { library, registry };
  };
  return async () => {
    const { library, registry } = await (loading ??= load());
    register(library, registry, families());
    return { type: registry.contentType, text: await registry.metrics() };
  };
};
