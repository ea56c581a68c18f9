/** A verification worker: says that it is ready, then takes packed jobs and sends the same memory back with verdicts. It keeps nothing. */
import { parentPort } from "node:worker_threads";
import { runJob } from "./check.ts";
import { ed25519 } from "./ed25519.ts";

parentPort?.on("message", (memory: ArrayBuffer) => {
  runJob(ed25519, memory);
  parentPort?.postMessage(memory, [memory]);
});

parentPort?.postMessage("ready");
