/** What the node counts: plain numbers by name, read by status, logs and later metrics. */

export interface Counters {
  /** names are fixed by the code, never by what came in: the map is bounded */
  count(name: string, by?: number): void;
  read(): Readonly<Record<string, number>>;
}

export const createCounters = (): Counters => {
  const values = new Map<string, { value: number }>();
  return {
    count(name, by = 1) {
      const counter = values.get(name);
      if (counter === undefined) values.set(name, { value: by });
      else counter.value += by;
    },
    read: () => Object.fromEntries(Array.from(values, ([name, { value }]) => [name, value])),
  };
};

/** A family of names that is made of two words: put together once for each pair, not each time something is counted. */
export const createNames = (name: (first: string, second: string) => string): ((first: string, second: string) => string) => {
  const known = new Map<string, Map<string, string>>();
  return (first, second) => {
    let family = known.get(first);
    if (family === undefined) known.set(first, (family = new Map()));
    let whole = family.get(second);
    if (whole === undefined) family.set(second, (whole = name(first, second)));
    return whole;
  };
};
