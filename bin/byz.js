#!/usr/bin/env node
// Plain syntax on purpose: this file must run, and say so clearly, on a Node.js that is too old for the rest.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

const top = dirname(dirname(fileURLToPath(import.meta.url)));

function isRecent(version) {
  const parts = version.split(".").map(Number);
  return parts[0] > 22 || (parts[0] === 22 && parts[1] >= 12);
}

// Beside this package in a clone, next to it when it is installed as somebody's dependency.
function findNode() {
  const name = "node-" + process.platform + "-" + process.arch;
  return [join(top, "node_modules", name), join(dirname(top), name)]
    .map((folder) => join(folder, "bin", "node"))
    .find((file) => existsSync(file));
}

function runUnder(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
    stdio: "inherit",
    env: Object.assign({}, process.env, { BYZ_RERUN: "1" }),
  });
  ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"].forEach((signal) => process.on(signal, () => child.kill(signal)));
  child.on("error", (error) => {
    process.stderr.write("byz: " + node + " did not start: " + error.message + "; install Node.js 22.12 or newer\n");
    process.exit(69);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

async function run() {
  const built = join(top, "dist", "cli", "main.js");
  // BYZ_SOURCE=1 (the project's own tests) runs the source even when there is a build.
  const useSource = process.env.BYZ_SOURCE === "1" || !existsSync(built);
  // Loading modules leaves much garbage at once; without this the young generation grows for it and stays 25 MiB larger ever after.
  setFlagsFromString("--semi-space-growth-factor=1");
  const { main } = await import(useSource ? "../src/cli/main.ts" : "../dist/cli/main.js");
  setFlagsFromString("--semi-space-growth-factor=2");
  await main(process.argv);
}

if (isRecent(process.versions.node)) {
  await run();
} else {
  const node = process.env.BYZ_RERUN === "1" ? undefined : findNode();
  if (node === undefined) {
    process.stderr.write("byz: this is Node.js " + process.versions.node + ", too old; install Node.js 22.12 or newer\n");
    process.exit(69);
  }
  runUnder(node);
}
