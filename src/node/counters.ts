/** What the node counts: plain numbers by name, read by status, logs and later metrics. */

export interface Counters {
  /** names are fixed by the code, never by what came in: the map is bounded */
  count(name: string, by?: number): void;
  read(): Readonly<Record<string, number>>;
}

export const createCounters = (): Counters => {
  const values = new Map<string, number>();
  return {
    count: (name, by = 1) => void values.set(name, (values.get(name) ?? 0) + by),
    read: () => Object.fromEntries(values),
  };
};
