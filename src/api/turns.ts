/** Turns for what takes this node's only thread long: pages of a list, of blocks, of events, whole documents. */

/** Resolves when the caller may do such a piece of work; it must do so at once, without waiting for anything. */
export type Turns = () => Promise<void>;

/** work that took so long together, milliseconds, makes room for everything else */
const sliceMs = 5;

/**
 * One piece of work in each turn of the event loop, and after every few milliseconds of it as long for everything else, votes and heartbeats above all, as it took
 * itself. Who waits is bounded by the number of connections, each of which makes one such request at a time, and of questions over libp2p.
 *
 * @param now monotonic milliseconds
 */
export const createTurns = (now: () => number = () => performance.now()): Turns => {
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
      setTimeout(next, spent);
      spent = 0;
    });
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (!isBusy) next();
    });
};
