/** A thread that runs seeds: requests in, one result for each out, in order. */
import { parentPort } from "node:worker_threads";
import { runSeed, type SeedRequest } from "./seed.ts";

parentPort?.on("message", (requests: readonly SeedRequest[]) => {
  void (async () => {
    for (const request of requests) parentPort?.postMessage(await runSeed(request));
  })();
});
