/** A thread that runs seeds: requests in, one result for each out, in order. */
import { parentPort } from "node:worker_threads";
import { runSeed, type SeedRequest } from "./seed.ts";

/** Small encodings and copies come out of blocks of this size, bytes: a new block costs more than a hundred of them. */
Buffer.poolSize = 64 * 1024;

parentPort?.on("message", (requests: readonly SeedRequest[]) => {
  void (async () => {
    for (const request of requests) parentPort?.postMessage(await runSeed(request));
  })();
});
