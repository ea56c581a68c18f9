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
}

/**
 * One piece of work in each turn of the event loop, and after every few milliseconds of it as long for everything else, votes and heartbeats above all, as it took
 * itself, or longer. Who waits for a turn of the interface is bounded by the number of connections, each of which makes one such request at a time, and of
 * questions over libp2p.
 */
export const createTurns = ({ rest = 1, now = () => performance.now() }: TurnsOptions = {}): Turns => {
  const waiting: (() => void)[] = [];
  let isBusy = false;
  let spent = 0;
  const next = (): void => {
    const begin = waiting.shift();
    isBusy = begin !== undefined;
    if (begin === undefined) return;
    const began = now();
    begin();
    setImmediate(() => {
      spent += now() - began;
      if (spent < sliceMs) return next();
      setTimeout(next, rest * spent);
      spent = 0;
    });
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (!isBusy) next();
    });
};
