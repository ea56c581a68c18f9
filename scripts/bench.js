// Runs the measurements of test/bench one after the other, or those that are named: `npm run bench -- wire`.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../test/bench/", import.meta.url);
const all = readdirSync(folder).filter((name) => name.endsWith(".ts"));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(`${name}.ts`));
if (unknown.length > 0) {
  console.error(`no such measurement: ${unknown.join(", ")}; there are ${all.map((name) => name.slice(0, -3)).join(", ")}`);
  process.exit(2);
}
for (const file of all.filter((name) => wanted.length === 0 || wanted.includes(name.slice(0, -3)))) {
  console.log(`== ${file.slice(0, -3)}`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(file, folder))], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
