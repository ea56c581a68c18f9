/**
 * A network of real processes, killed at random moments for as long as you like: `npm run kills -- [--nodes 4] [--minutes 10] [--seed S]`. Each round has a
 * history of its own, judged when it is over; exit status 1 at the first that does not hold, and the nodes' folders are kept.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Testnet } from "../../src/testnet/index.ts";
import { assertLogsEqual, indexesOf } from "../../src/cli/validate/logs.ts";
import { killAtRandom } from "../end-to-end/support/kills.ts";
import { judgeWitnesses } from "../../src/cli/validate/judge.ts";
import { startWitnesses } from "../../src/cli/validate/witnesses.ts";
import { createRandom } from "../fuzz/random.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "4" },
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const end = performance.now() + Number(values.minutes) * 60_000;
const random = createRandom(Number(values.seed));
const blowsPerRound = 8;

const dir = mkdtempSync(join(tmpdir(), "byz-kills-"));
console.log(`seed ${values.seed}, nodes in ${dir}`);
const testnet = await Testnet.up({
  dir,
  nodes: Number(values.nodes),
  parameters: { checkpointInterval: 16 },
  config: { log: { level: "warn" } },
});
let [rounds, kills, calls, answered, longestMs] = [0, 0, 0, 0, 0];
let bad: readonly string[] = [];
try {
  while (performance.now() < end && bad.length === 0) {
    const witnesses = startWitnesses(testnet, { verifying: 6, plain: 6 });
    try {
      kills += await killAtRandom(testnet, witnesses, {
        random,
        blows: blowsPerRound,
        struck: ({ backMs }) => (longestMs = Math.max(longestMs, backMs)),
      });
    } finally {
      await witnesses.stop();
    }
    await testnet.ready();
    await assertLogsEqual(testnet);
    bad = await judgeWitnesses(testnet, witnesses, indexesOf(testnet));
    rounds += 1;
    calls += witnesses.calls.length;
    answered += witnesses.answered;
    console.log(`${rounds} rounds, ${kills} kills, ${calls} calls, ${answered} answered, back after ${Math.round(longestMs)} ms at most`);
  }
} catch (error) {
  bad = [String(error)];
}
for (const each of bad.slice(0, 20)) console.error(each);
await testnet.down({ purge: bad.length === 0 });
if (bad.length === 0) rmSync(dir, { recursive: true, force: true });
process.exit(bad.length === 0 ? 0 : 1);
