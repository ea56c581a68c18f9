/**
 * A node's records, damaged behind the store's checksums, back into a node: whatever they say, the way up ends soon, in a node or in an error that says
 * which record is at fault. The records come from a network whose first primary was silent, so that they tell of a view change too.
 */
import { encodeOperation } from "../../../src/ledger/kv/encoding.ts";
import { createKeyValueStore } from "../../../src/ledger/kv/application.ts";
import { LedgerError } from "../../../src/ledger/errors.ts";
import { openDataIn } from "../../../src/node/data/node-data.ts";
import type { StoredDataOptions } from "../../../src/node/data/node-data.ts";
import { RecordError } from "../../../src/node/data/records.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { StoreError } from "../../../src/storage/port.ts";
import type { StoreEntry } from "../../../src/storage/port.ts";
import { mutate } from "../mutate.ts";
import { createRandom } from "../random.ts";
import type { Random } from "../random.ts";
import { hexOf } from "../target.ts";
import type { Target } from "../target.ts";
import { createSmallNetwork, epochMs, parameters } from "./network.ts";

/** A number that only a record with a good checksum could hold, at the place of one of its own. */
const setHuge = (random: Random, value: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(value);
  const at = random.int(Math.max(1, copy.length - 7));
  copy.set(
    random
      .pick([
        [0, 0x1f, 255, 255, 255, 255, 255, 255],
        [0, 0, 1, 0, 0, 0, 0, 0],
        [255, 255, 255, 255, 255, 255, 255, 255],
      ])
      .slice(0, copy.length),
    at,
  );
  return copy;
};

const damaged = (random: Random, entries: readonly StoreEntry[], words: string[]): StoreEntry[] => {
  const copy = [...entries];
  for (let count = random.pick([1, 1, 2, 5]); count > 0; count--) {
    // tables first: the state's many records must not hide the few of consensus
    const table = random.pick([...new Set(copy.map(({ key }) => key[0]))]);
    const at = random.pick([...copy.keys()].filter((index) => copy[index]?.key[0] === table));
    const { key, value } = copy[at] as StoreEntry;
    const same = copy.filter((entry) => entry.key[0] === table);
    const kind = random.int(6);
    if (kind === 0) copy.splice(at, 1);
    else if (kind === 1) copy[at] = { key, value: random.pick(same).value };
    else if (kind === 2) copy[at] = { key: mutate(random, key, [key]), value };
    else if (kind === 3) copy[at] = { key, value: setHuge(random, value) };
    else
      copy[at] = {
        key,
        value: mutate(
          random,
          value,
          same.map((entry) => entry.value),
        ),
      };
    words.push(
      `${["remove", "exchange", "key", "huge", "value", "value"][kind]} ${hexOf(key)} ${copy[at] === undefined ? "" : hexOf(copy[at].value)}`,
    );
  }
  return copy;
};

const open = async (entries: readonly StoreEntry[], options: StoredDataOptions): Promise<void> => {
  const store = createMemoryStore({ entries });
  try {
    const { restored, pruning } = await openDataIn(store, options);
    // a number that was made huge may have it at work
    pruning.stop();
    if (!Number.isSafeInteger(restored.executed) || !Number.isSafeInteger(restored.view)) throw new Error("a node with impossible numbers");
  } catch (error) {
    if (!(error instanceof RecordError || error instanceof LedgerError || error instanceof StoreError)) throw error;
  } finally {
    await store.close();
  }
};

export const recovery: Target = {
  name: "recovery",
  about: "a node's records, damaged behind the checksums of the store",
  async open(seed) {
    const random = createRandom(seed);
    // the primary of view 0 is the liar, and says nothing
    const network = await createSmallNetwork(0, random);
    for (let number = 1; number <= 14; number++) {
      const operations = [encodeOperation({ type: "put", key: random.bytes(2), value: random.bytes(20) })];
      random.pick(network.honest).assembly.engine.submit(network.names.request((epochMs - 1_000) * 1024 + number, { operations }));
      await network.advance(number < 3 ? 2_000 : 200);
    }
    const stores = network.honest.map(({ store }) => store.entries());
    network.stop();
    const options: StoredDataOptions = {
      genesisHash: network.names.trust.signBytes.genesisHash,
      parameters,
      committee: network.names.committee,
      application: createKeyValueStore(),
      retain: 0,
    };
    return {
      next(each) {
        const words: string[] = [];
        const entries = damaged(each, each.pick(stores), words);
        return { input: () => words.join("\n"), run: () => open(entries, { ...options, application: createKeyValueStore() }) };
      },
    };
  },
};
