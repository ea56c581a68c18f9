/** Cuts a local network of four real nodes in two, works on both sides, heals it, and prints the report of what happened. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ClientError } from "byzantine-coordinator/client";
import { Testnet } from "byzantine-coordinator/testnet";

const testnet = await Testnet.up({ dir: join(tmpdir(), `cut-and-heal-${process.pid}`), nodes: 4 });

/** Asks a node until it says what is waited for. */
const until = async <T>(ask: () => Promise<T | undefined>): Promise<T> => {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(100);
  }
};
const connectivity = async (index: number, state: string): Promise<true | undefined> =>
  (await testnet.client(index).status()).connectivity === state ? true : undefined;

try {
  await Promise.all([0, 1, 2, 3].map((index) => until(() => connectivity(index, "whole"))));
  const [left, right] = [testnet.client(0), testnet.client(3)];
  await left.editShared("plan", [{ type: "register-set", path: ["title"], value: "picnic" }]);
  await until(() => right.shared("plan"));

  // no side has the three of four that the ledger needs
  await testnet.partition([[0, 1], [2, 3]]); // prettier-ignore
  await Promise.all([0, 1, 2, 3].map((index) => until(() => connectivity(index, "split"))));
  const refusal = await left.put("key", "value").catch((error: unknown) => error);
  console.log("cut 2 | 2: the ledger answers", refusal instanceof ClientError ? refusal.code : refusal);

  // a shared document is written all the same
  await left.editShared("plan", [
    { type: "register-set", path: ["title"], value: "picnic at the lake" },
    { type: "set-add", path: ["bring"], value: "bread" },
  ]);
  await right.editShared("plan", [
    { type: "register-set", path: ["title"], value: "picnic on Sunday" },
    { type: "set-add", path: ["bring"], value: "cheese" },
    { type: "counter-add", path: ["people"], amount: 2 },
  ]);

  // what lasts only a moment is no partition, nor what a node sees while it starts
  for (const side of [left, right]) await until(async () => ((await side.partitions()).length > 0 ? true : undefined));
  await testnet.heal();
  const healed = performance.now();
  await until(async () => {
    try {
      return await right.put("key", "value");
    } catch {
      return undefined;
    }
  });
  console.log(`healed: the ledger orders again after ${((performance.now() - healed) / 1000).toFixed(1)} s`);

  // once it is over, and the ledger has what came of the document
  const report = await until(async () => {
    const last = (await left.partitions()).at(-1);
    return last?.documents?.every(({ anchor }) => anchor !== undefined) === true ? last : undefined;
  });
  const names = new Map((await left.validators()).map(({ peerId, moniker = peerId }) => [peerId, moniker]));
  const seconds = (((report.until ?? report.since) - report.since) / 1000).toFixed(1);
  console.log(
    `the network was ${report.state} for ${seconds} s:`,
    report.sides.map((side) => side.map((id) => names.get(id)).join(" + ")).join(" | "),
  );
  for (const { name, ours, theirs, anchor } of report.documents ?? [])
    console.log(`document ${name}: ${ours} changes here, ${theirs} there, anchored in block ${anchor?.sequence}`);
  for (const { kind, document, detail, resolution } of report.conflicts ?? [])
    console.log(`${kind} in ${document}: ${detail}; ${resolution}`);

  const texts = await Promise.all([0, 1, 2, 3].map((index) => testnet.client(index).sharedRaw("plan")));
  console.log("all nodes show the same:", new Set(texts.map((bytes) => new TextDecoder().decode(bytes))).size === 1);
  console.log(new TextDecoder().decode(texts[0]));
} finally {
  await testnet.down({ purge: true });
}
