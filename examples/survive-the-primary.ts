/** Starts four real nodes, writes, kills the primary in the middle of it, and reads everything back through another node. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, loadGenesis } from "byzantine-coordinator/client";
import { Testnet } from "byzantine-coordinator/testnet";

const testnet = await Testnet.up({ dir: join(tmpdir(), `survive-${process.pid}`), nodes: 4 });
try {
  const { nodes } = testnet.state();
  const client = createClient({
    genesis: loadGenesis(join(testnet.node(0).home, "genesis.json")),
    urls: nodes.map(({ api }) => api), // asked in turn: a node that is gone costs nothing but time
  });
  for (let day = 1; day <= 3; day += 1) await client.put(`day/${day}`, `entry of day ${day}`);

  const { primary } = await testnet.client(1).status();
  const index = nodes.findIndex(({ peerId }) => peerId === primary);
  await testnet.kill(index);
  console.log(`node ${index}, the primary, is killed`);

  const began = performance.now();
  await client.put("day/4", "entry of day 4"); // the others elect the next primary
  console.log(`the next write took ${Math.round(performance.now() - began)} ms`);

  const reader = testnet.client((index + 1) % nodes.length);
  for await (const { key, value } of reader.listAll({ prefix: "day/" })) console.log(key, "=", value);

  await testnet.restart(index);
  await testnet.ready();
  const caughtUp = await testnet.client(index).get("day/4", { consistency: "linearizable" });
  console.log(`node ${index} is back and says:`, caughtUp?.value);
} finally {
  await testnet.down({ purge: true });
}
