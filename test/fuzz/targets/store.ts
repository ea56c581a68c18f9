/**
 * Damage to the files of a real LevelDB folder: it opens to what was written, or to less of it where a crash could have cut the end off, or it is refused
 * with a StoreError. Never other values, never anything between two writes, never another exception.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLevelStore } from "../../../src/storage/level.ts";
import { StoreError } from "../../../src/storage/port.ts";
import type { Store, StoreOperation } from "../../../src/storage/port.ts";
import { createRandom } from "../random.ts";
import type { Random } from "../random.ts";
import type { Target } from "../target.ts";

/** What a reader sees of the whole store, after each write that was made; the empty store first. */
type States = readonly string[];

interface Template {
  readonly path: string;
  readonly states: States;
  readonly files: readonly string[];
}

const damageable = /\.(?:log|ldb)$|^MANIFEST|^CURRENT$/;

const stateOf = (entries: Iterable<readonly [string, string]>): string =>
  [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join("="))
    .join("\n");

const write = (store: Store, operations: readonly StoreOperation[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable: true }, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** Writes in rounds, the store closed and opened between some of them: that makes logs, tables and manifests of all ages. */
const makeTemplate = async (random: Random, path: string, writes: number, valueBytes: number, reopens = 2): Promise<Template> => {
  const model = new Map<string, string>();
  const states = [stateOf(model)];
  const open = () => openLevelStore(path, { writeBufferBytes: 64 * 1024 });
  let store = await open();
  for (let count = 0; count < writes; count++) {
    const operations = Array.from({ length: random.between(1, 8) }, (): StoreOperation => {
      const key = `key ${random.int(60)}`;
      const value = `${count} ${"v".repeat(random.int(valueBytes))}`;
      const removes = random.chance(0.2);
      if (removes) model.delete(key);
      else model.set(key, value);
      return removes ? { type: "del", key: Buffer.from(key) } : { type: "put", key: Buffer.from(key), value: Buffer.from(value) };
    });
    await write(store, operations);
    states.push(stateOf(model));
    if (random.chance(reopens / writes)) {
      await store.close();
      store = await open();
    }
  }
  await store.close();
  return { path, states, files: readdirSync(path).filter((name) => damageable.test(name)) };
};

/** Where the records of a log begin, as far as they can be followed; of other files somewhere. */
const headersOf = (content: Buffer): number[] => {
  const headers: number[] = [];
  for (let at = 0; at + 7 <= content.length; at += 7 + content.readUInt16LE(at + 4)) headers.push(at);
  return headers.length === 0 ? [0] : headers;
};

/**
 * Cuts the newest log in two between writes, as a node leaves it that ends while a full log is on its way into a table. LevelDB does that in its own time:
 * whether the other templates have two logs is a matter of luck.
 */
const splitLog = (random: Random, template: Template): Template => {
  const name = template.files
    .filter((file) => file.endsWith(".log"))
    .sort()
    .at(-1) as string;
  const content = readFileSync(join(template.path, name));
  const at = random.pick(headersOf(content).slice(1));
  writeFileSync(join(template.path, name), content.subarray(0, at));
  const next = `${String(Number.parseInt(name, 10) + 1).padStart(6, "0")}.log`;
  writeFileSync(join(template.path, next), content.subarray(at));
  return { ...template, files: [...template.files, next] };
};

/** What is done to one file. `cuts`: a crash may have left it so, and what was written last may be missing. */
interface Damage {
  readonly name: string;
  readonly cuts: boolean;
  apply(random: Random, content: Buffer, other: Buffer): Buffer;
}

const flip = (content: Buffer, at: number, bit: number): Buffer => {
  if (at < content.length) content[at] = (content[at] as number) ^ (1 << bit);
  return content;
};

const damages: readonly Damage[] = [
  { name: "flip a bit", cuts: false, apply: (random, content) => flip(content, random.int(content.length), random.int(8)) },
  {
    name: "flip a bit of a header",
    cuts: false,
    apply: (random, content) => flip(content, random.pick(headersOf(content)) + random.int(7), random.int(8)),
  },
  {
    // a wrong length and a wrong checksum at once look like a write that was cut short
    name: "flip bits",
    cuts: true,
    apply(random, content) {
      for (let count = random.between(2, 8); count > 0; count--) flip(content, random.int(content.length), random.int(8));
      return content;
    },
  },
  {
    name: "overwrite",
    cuts: true,
    apply(random, content) {
      content.set(random.bytes(random.pick([1, 4, 7, 64, 512])).subarray(0, content.length), random.int(Math.max(1, content.length - 512)));
      return content;
    },
  },
  { name: "truncate", cuts: true, apply: (random, content) => content.subarray(0, random.int(content.length + 1)) },
  {
    name: "zero the end",
    cuts: true,
    apply: (random, content) => content.fill(0, random.int(content.length + 1)),
  },
  {
    name: "zero a sector",
    cuts: true,
    apply(random, content) {
      const at = 512 * random.int(Math.ceil(content.length / 512) || 1);
      return content.fill(0, at, Math.min(content.length, at + 512));
    },
  },
  {
    name: "append zeros",
    cuts: true,
    apply: (random, content) => Buffer.concat([content, Buffer.alloc(random.pick([1, 7, 4096, 40_000]))]),
  },
  { name: "append noise", cuts: true, apply: (random, content) => Buffer.concat([content, random.bytes(random.pick([1, 7, 40, 4096]))]) },
  { name: "swap", cuts: true, apply: (_random, _content, other) => other },
  {
    name: "shift a part",
    cuts: true,
    apply(random, content) {
      const at = random.int(content.length + 1);
      return Buffer.concat([content.subarray(0, at), content.subarray(at + random.pick([1, 7, 32, 512]))]);
    },
  },
];

interface Plan {
  readonly words: readonly string[];
  readonly cuts: boolean;
}

/** Damages one or two files of the folder `copy`. */
const damageFolder = (random: Random, template: Template, copy: string): Plan => {
  const words: string[] = [];
  let cuts = false;
  for (let count = random.pick([1, 1, 1, 2]); count > 0; count--) {
    const name = random.pick(template.files);
    const path = join(copy, name);
    if (random.chance(0.06)) {
      rmSync(path, { recursive: true, force: true });
      words.push(`remove ${name}`);
      if (random.chance(0.3)) {
        mkdirSync(path);
        words.push(`a folder in its place`);
      }
      cuts = true;
      continue;
    }
    const damage = random.pick(damages);
    const other = random.pick(template.files);
    const content = readFileSync(join(template.path, name));
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, damage.apply(random, content, readFileSync(join(template.path, other))));
    words.push(`${damage.name} ${name}${damage.name === "swap" ? ` with ${other}` : ""}`);
    cuts ||= damage.cuts;
  }
  return { words, cuts };
};

/** Everything that a store says, by range and by key, which must be the same. */
const readWhole = async (store: Store): Promise<string> => {
  const entries: [string, string][] = [];
  for await (const { key, value } of store.range({})) entries.push([Buffer.from(key).toString(), Buffer.from(value).toString()]);
  for (let index = 0; index < 60; index++) {
    const key = `key ${index}`;
    const value = store.get(Buffer.from(key));
    const listed = entries.find(([name]) => name === key)?.[1];
    if ((value === undefined ? undefined : Buffer.from(value).toString()) !== listed) throw new Error(`${key} is not what the range says`);
  }
  return stateOf(entries);
};

const judge = async (path: string, template: Template, plan: Plan): Promise<void> => {
  let store: Store | undefined;
  try {
    store = await openLevelStore(path);
    const state = await readWhole(store);
    const last = template.states.length - 1;
    if (state === template.states[last]) return;
    const at = template.states.indexOf(state);
    if (at === -1) throw new Error("the store gives what was never in it at once");
    if (!plan.cuts) throw new Error(`${last - at} of ${last} acknowledged writes are gone without a word`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code !== "corrupt" && error.code !== "io") throw error;
  } finally {
    await store?.close();
  }
};

export const store: Target = {
  name: "store",
  about: "the files of the node's store: flipped, cut, zeroed, swapped, missing",
  async open(seed) {
    const folder = mkdtempSync(join(tmpdir(), "byz-fuzz-store-"));
    const random = createRandom(seed);
    const templates = [
      await makeTemplate(random, join(folder, "small"), 20, 40),
      await makeTemplate(random, join(folder, "large"), 60, 1_500),
      await makeTemplate(random, join(folder, "huge values"), 30, 12_000),
      splitLog(random, await makeTemplate(random, join(folder, "two logs"), 20, 40, 0)),
    ];
    const copy = join(folder, "copy");
    return {
      next(each) {
        const template = each.pick(templates);
        rmSync(copy, { recursive: true, force: true });
        cpSync(template.path, copy, { recursive: true });
        const plan = damageFolder(each, template, copy);
        return { input: () => `${template.path}: ${plan.words.join(", ")}`, run: () => judge(copy, template, plan) };
      },
      close: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};
