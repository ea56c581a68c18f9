/** Seeds on worker threads: results come in the order of the requests, whichever thread was first. */
import { Worker } from "node:worker_threads";
import type { SeedRequest, SeedResult } from "./seed.ts";

/** seeds that a thread is given at a time: enough that it never waits, few enough that all end together */
const AT_ONCE = 8;
/** A universe makes much that is soon forgotten: with this much room for it, collecting it takes a quarter less of the whole. */
const YOUNG_MIB = 64;

const workerUrl = (): URL => new URL(import.meta.url.endsWith(".ts") ? "./seed-worker.ts" : "./seed-worker.js", import.meta.url);

export interface CrewOptions {
  readonly workers: number;
  readonly requests: Iterable<SeedRequest>;
  /** in the order of the requests; false ends the whole */
  readonly result: (result: SeedResult) => boolean;
}

interface Chunk {
  readonly place: number;
  readonly requests: readonly SeedRequest[];
  done: number;
}

/** Resolves when all requests are done, or when `result` said that it is enough. @throws what a thread threw: a bug of the simulator */
export const runCrew = async ({ workers, requests, result }: CrewOptions): Promise<void> => {
  const source = requests[Symbol.iterator]();
  /** results that wait for an earlier one; at most what the threads have at hand, and what one of them is behind */
  const early = new Map<number, SeedResult>();
  let [handedOut, told, ended] = [0, 0, false];

  const take = (): Chunk => {
    const taken: SeedRequest[] = [];
    while (taken.length < AT_ONCE && !ended) {
      const next = source.next();
      if (next.done === true) break;
      taken.push(next.value);
    }
    const chunk = { place: handedOut, requests: taken, done: 0 };
    handedOut += taken.length;
    return chunk;
  };
  const tell = (): void => {
    for (let next = early.get(told); next !== undefined && !ended; next = early.get(told)) {
      early.delete(told);
      told += 1;
      if (!result(next)) ended = true;
    }
  };
  const employ = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(workerUrl(), { name: "seeds", resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } });
      const finish = (): void => void worker.terminate().then(() => resolve());
      let chunk = take();
      const give = (): void => (chunk.requests.length === 0 ? finish() : worker.postMessage(chunk.requests));
      worker.on("error", reject);
      worker.on("message", (found: SeedResult) => {
        early.set(chunk.place + chunk.done, found);
        chunk.done += 1;
        tell();
        if (ended) return finish();
        if (chunk.done < chunk.requests.length) return;
        chunk = take();
        give();
      });
      give();
    });
  await Promise.all(Array.from({ length: workers }, employ));
};
