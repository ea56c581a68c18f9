// Runs the measurements of test/bench one after the other, or those that are named, with the options that follow: `npm run bench -- wire`.
// `report`, which writes its figures into the documentation, runs only when it is named.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../test/bench/", import.meta.url);
const all = readdirSync(folder).flatMap((name) => (name.endsWith(".ts") ? [name.slice(0, -3)] : []));
const given = process.argv.slice(2);
const firstOption = given.findIndex((word) => word.startsWith("-"));
const named = firstOption === -1 ? given : given.slice(0, firstOption);
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such measurement: ${unknown.join(", ")}; there are ${all.join(", ")}`);
  process.exit(2);
}
for (const name of named.length > 0 ? named : all.filter((each) => each !== "report")) {
  console.log(`== ${name}`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.ts`, folder)), ...given.slice(named.length)], {
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}
