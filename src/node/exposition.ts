/** The families as Prometheus text. prom-client is loaded when somebody asks for the first time: it takes memory that most nodes can do without. */
import type { Histogram, Registry } from "prom-client";
import type { Family, HistogramFamily } from "./metrics.ts";

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

const createRegistry = async (families: readonly Family[]): Promise<Registry> => {
  const { Counter, Gauge, Registry: PromRegistry, collectDefaultMetrics } = await import("prom-client");
  const registry = new PromRegistry();
  for (const family of families) {
    const { name, help, labels = [] } = family;
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (family.type === "histogram") {
      // not the library's own class, which counts from its creation on: these were measured since the node started
      const report = (): Promise<object> => Promise.resolve({ name, help, type: "histogram", values: histogramValues(family) });
      registry.registerMetric({ name, help, get: report } as unknown as Histogram);
      continue;
    }
    const samples = () => {
      const read = family.read();
      return typeof read === "number"
        ? [{ labels: {}, value: read }]
        : read.map(({ labels: given = {}, value }) => ({ labels: given, value }));
    };
    if (family.type === "gauge") {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels: given, value } of samples()) this.set(given, value);
        },
      });
    } else {
      new Counter({
        ...options,
        collect() {
          this.reset();
          for (const { labels: given, value } of samples()) this.inc(given, value);
        },
      });
    }
  }
  collectDefaultMetrics({ register: registry, prefix: "byz_" });
  return registry;
};

/** @returns what answers `GET /metrics` */
export const createExposition = (families: readonly Family[]): (() => Promise<Exposition>) => {
  let registry: Promise<Registry> | undefined;
  return async () => {
    const loaded = await (registry ??= createRegistry(families));
    return { type: loaded.contentType, text: await loaded.metrics() };
  };
};
