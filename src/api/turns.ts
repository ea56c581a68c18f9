/** Turns for what takes this node's only thread long: pages of a list, of blocks, of events, whole documents, and what strangers ask. */

/** Resolves when the caller may do such a piece of work; it must do so at once, without waiting for anything. */
export type Turns = () => Promise<void>;

/** work that took so long together, milliseconds, makes room for everything else */
const sliceMs = 5;

export interface TurnsOptions {
  /** time for everything else after such work, as a multiple of what it took; 1 when absent */
  readonly rest?: number;
  /** monotonic milliseconds */
  readonly now?: () => number;
  /** runs a callback after what this turn of the event loop still brings */
  readonly defer?: (callback: () => void) => void;
  /** runs a callback once, after so many milliseconds */
  readonly after?: (delayMs: number, callback: () => void) => void;
}

const system: Required<Omit<TurnsOptions, "rest">> = {
  now: () => performance.now(),
  defer: (callback) => void setImmediate(callback),
  after: (delayMs, callback) => void setTimeout(callback, delayMs),
};

/**
 * One piece of work in each turn of the event loop, and after every few milliseconds of it as long for everything else, votes and heartbeats above all, as it took
 * itself, or longer. Who waits for a turn of the interface is bounded by the number of connections, each of which makes one such request at a time, and of
 * questions over libp2p.
 */
export const createTurns = (options: TurnsOptions = {}): Turns => {
  const { rest = 1, now, defer, after } = { ...system, ...options };
  const waiting: (() => void)[] = [];
  let isBusy = false;
  let spent = 0;
  const next = (): void => {
    const begin = waiting.shift();
    isBusy = begin !== undefined;
    if (begin === undefined) return;
    const began = now();
    begin();
    defer(() => {
      spent += now() - began;
      if (spent < sliceMs) return next();
      after(rest * spent, next);
      spent = 0;
    });
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (!isBusy) next();
    });
};
