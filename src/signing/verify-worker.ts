/** A verification worker: packed jobs in, the same memory with verdicts out. It shares nothing and keeps nothing. */
import { parentPort } from "node:worker_threads";
import { runJob } from "./check.ts";
import { ed25519 } from "./ed25519.ts";

parentPort?.on("message", (memory: ArrayBuffer) => {
  runJob(ed25519, memory);
  parentPort?.postMessage(memory, [memory]);
});
