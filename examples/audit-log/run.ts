/** Runs the audit log on four nodes, appends as two authors, kills the primary, and reads the log back without trusting any node. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, loadGenesis } from "byzantine-coordinator/client";
import { Testnet } from "byzantine-coordinator/testnet";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

const testnet = await Testnet.up({
  dir: join(tmpdir(), `audit-log-${process.pid}`),
  application: join(import.meta.dirname, "application.ts"),
  parameters: { checkpointInterval: 4 }, // soon something to prove; 128 by default
});
try {
  const genesis = loadGenesis(join(testnet.node(0).home, "genesis.json"));
  const urls = testnet.state().nodes.map(({ api }) => api);
  // without a `key` each client makes a new one: these are two authors
  const alice = createClient({ genesis, urls });
  const bob = createClient({ genesis, urls });

  const append = async (author: typeof alice, entry: string): Promise<string> => {
    const { results } = await author.submitBytes([utf8.encode(entry)]);
    return text(results[0]);
  };
  console.log("alice wrote entry", await append(alice, "took the key of the safe"));
  console.log("bob wrote entry", await append(bob, "saw alice take it"));
  await testnet.kill(0);
  console.log("after the primary was killed, alice wrote entry", await append(alice, "brought it back"));
  for (let more = 4; more <= 8; more += 1) await append(bob, `checked the safe, ${more}`);

  // what one node says, after everything that was acknowledged before
  const last = testnet.client(3);
  const length = Number((await last.getState("length"))?.value);
  for (let number = 1; number <= length; number += 1) console.log((await last.getState(`entry/${number}`))?.value);

  // what the network certifies, checked against the genesis
  const { value, asOf } = await alice.getState("entry/1");
  const { by } = JSON.parse(text(value)) as { by: string };
  console.log(`entry 1 is certified as of block ${asOf} and is alice's: ${by === alice.publicKey}`);
} finally {
  await testnet.down({ purge: true });
}
