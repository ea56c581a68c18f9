/** What the disk and the kernel do to the store: kills, flipped bits, missing and truncated files, failed writes (PROTOCOL §6). */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLevelStore, toStoreError } from "../../src/storage/level.ts";
import type { LevelOptions } from "../../src/storage/level.ts";
import { checkBatch } from "../../src/storage/level-batch.ts";
import { readLog } from "../../src/storage/level-log.ts";
import { crc32c } from "../../src/storage/crc32c.ts";
import { StoreError } from "../../src/storage/port.ts";
import type { Store } from "../../src/storage/port.ts";
import { bytes, collect, del, put, write } from "./conformance.ts";

/** hundreds of files are copied and synced to a disk that may be slow and is shared */
const timeout = 240_000;

let folder = "";
let children: ChildProcess[] = [];
let stores: Store[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "byz-damage-"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const store of stores) await store.close();
  [children, stores] = [[], []];
  await rm(folder, { recursive: true, force: true });
});

const open = async (path: string, options?: LevelOptions): Promise<Store> => {
  const store = await openLevelStore(path, options);
  stores.push(store);
  return store;
};

/** A store with several tables and a log. Copies of it are damaged. */
const filled = async (): Promise<string> => {
  const path = join(folder, "filled");
  const options = { writeBufferBytes: 64 * 1024 };
  const store = await openLevelStore(path, options);
  for (let batch = 0; batch < 40; batch++) {
    await write(
      store,
      Array.from({ length: 50 }, (_, index) => put(`key ${(batch * 37 + index * 11) % 900}`, `value ${batch} ${index}`.repeat(10))),
    );
    await write(store, [del(`key ${batch}`), put("last", String(batch))], true);
  }
  await store.close();
  return path;
};

const flipBit = async (file: string, bit: number): Promise<void> => {
  const content = await readFile(file);
  content[bit >>> 3] = (content[bit >>> 3] as number) ^ (1 << (bit & 7));
  await writeFile(file, content);
};
const filesOf = async (path: string, pattern: RegExp): Promise<string[]> =>
  (await readdir(path)).filter((name) => pattern.test(name)).sort();

/** Opens, reads everything, closes; what it gives is everything the store says. */
const readAll = async (path: string): Promise<string> => {
  const store = await openLevelStore(path);
  try {
    return (await collect(store.range({})))
      .map(({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`)
      .join("\n");
  } finally {
    await store.close();
  }
};

/** Where the record behind the first `count` of a log begins; none of them crosses a block. */
const splitLog = (content: Buffer, count: number): number => {
  let at = 0;
  for (let index = 0; index < count; index++) at += 7 + content.readUInt16LE(at + 4);
  return at;
};

const waitFor = async (condition: () => boolean, what: string): Promise<void> => {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 60 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe("kill -9 amid durable writes", { timeout }, () => {
  it("loses no acknowledged write and leaves no half of one, time after time", async () => {
    const path = join(folder, "killed");
    let acknowledged = 0;
    for (let round = 1; round <= 4; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, "writer-process.ts"), path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const exited = new Promise((resolve) => child.once("exit", resolve));
      await waitFor(() => output.split("\n").length > 60 * round, "the writer to write");
      child.kill("SIGKILL");
      await exited;
      acknowledged = Number(
        output
          .trimEnd()
          .split("\n")
          .filter((line) => /^\d+$/.test(line))
          .at(-2),
      );
      const store = await openLevelStore(path);
      const last = Number(new TextDecoder().decode(store.get(bytes("last")) as Uint8Array));
      expect(last).toBeGreaterThanOrEqual(acknowledged);
      for (let number = 1; number <= last; number++) {
        const value = store.get(bytes(`key ${number}`)) as Uint8Array;
        expect(value.length).toBe(500 + (number % 40_000));
        expect(value.every((byte) => byte === number % 251)).toBe(true);
      }
      expect(store.get(bytes(`key ${last + 1}`))).toBeUndefined();
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(100);
  });
});

describe("one store, one owner", () => {
  it("is refused to a second one, here and in another process, and is none the worse for it", async () => {
    const path = join(folder, "owned");
    const store = await open(path);
    await write(store, [put("a", "1")], true);
    await expect(openLevelStore(path)).rejects.toMatchObject({ code: "locked" });
    await expect(openLevelStore(join(path, "..", "owned"))).rejects.toMatchObject({ code: "locked" });
    const other = spawn(process.execPath, [join(import.meta.dirname, "writer-process.ts"), path], { stdio: ["ignore", "ignore", "pipe"] });
    children.push(other);
    let errors = "";
    other.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    expect(await new Promise((resolve) => other.once("close", resolve))).not.toBe(0);
    expect(errors).toContain("another process has");
    await write(store, [put("b", "2")], true);
    expect(store.get(bytes("a"))).toEqual(Buffer.from("1"));
  });
});

describe("a damaged file", { timeout }, () => {
  it("is an error that names it, never another answer: bits flipped all over every file", async () => {
    const path = await filled();
    const truth = await readAll(path);
    let tried = 0;
    for (const name of await filesOf(path, /\.(log|ldb)$|^MANIFEST|^CURRENT$/)) {
      const size = (await readFile(join(path, name))).length;
      const step = Math.max(1, Math.floor((size * 8) / 12));
      for (let bit = 3; bit < size * 8; bit += step) {
        const copy = join(folder, "copy");
        await cp(path, copy, { recursive: true });
        await flipBit(join(copy, name), bit);
        const outcome = await readAll(copy).catch((error: unknown) => error);
        if (outcome !== truth) {
          expect(outcome).toMatchObject({ code: "corrupt" });
          expect((outcome as Error).message).toContain("damaged");
        }
        tried++;
        await rm(copy, { recursive: true });
      }
    }
    expect(tried).toBeGreaterThan(40);
  });

  it("that is missing is one too", async () => {
    const path = await filled();
    for (const pattern of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
      const [name] = await filesOf(path, pattern);
      expect(name).toBeDefined();
      const copy = join(folder, "copy");
      await cp(path, copy, { recursive: true });
      await rm(join(copy, name as string));
      await expect(openLevelStore(copy)).rejects.toMatchObject({ code: "corrupt" });
      await rm(copy, { recursive: true });
    }
  });

  it("may be another file of the store, with good checksums: LevelDB would abort the process", async () => {
    const path = await filled();
    const [[manifest], [log]] = [await filesOf(path, /^MANIFEST/), await filesOf(path, /\.log$/)];
    const [inPlaceOfLog, inPlaceOfManifest] = [join(folder, "one"), join(folder, "other")];
    for (const copy of [inPlaceOfLog, inPlaceOfManifest]) await cp(path, copy, { recursive: true });
    await cp(join(path, manifest as string), join(inPlaceOfLog, log as string));
    await cp(join(path, log as string), join(inPlaceOfManifest, manifest as string));
    for (const copy of [inPlaceOfLog, inPlaceOfManifest]) await expect(openLevelStore(copy)).rejects.toMatchObject({ code: "corrupt" });
  });

  it("may be one that the system does not read: a StoreError like the others, which names it", async () => {
    const path = await filled();
    for (const pattern of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
      const [name] = (await filesOf(path, pattern)) as [string];
      const copy = join(folder, "copy");
      await cp(path, copy, { recursive: true });
      await rm(join(copy, name));
      await mkdir(join(copy, name));
      const error: unknown = await openLevelStore(copy).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ code: "io", message: expect.stringContaining(name) });
      await rm(copy, { recursive: true });
    }
  });

  it("is found when its record is read, if tables were too many to verify at the start", async () => {
    const path = await filled();
    for (const table of await filesOf(path, /\.ldb$/)) {
      const content = await readFile(join(path, table));
      for (let at = content.indexOf("value "); at >= 0; at = content.indexOf("value ", at + 500)) content[at] = (content[at] as number) ^ 1;
      await writeFile(join(path, table), content);
    }
    const opened = await open(path, { verifyBytes: 0 });
    await expect(collect(opened.range({}))).rejects.toMatchObject({ code: "corrupt" });
    expect(() => {
      for (let index = 0; index < 900; index++) opened.get(bytes(`key ${index}`));
    }).toThrow(expect.objectContaining({ code: "corrupt" }));
  });

  it("cut short at any byte of the log gives the writes before the cut, whole", async () => {
    const path = join(folder, "short");
    const store = await openLevelStore(path);
    for (let index = 0; index < 12; index++) await write(store, [put(`a ${index}`, "x".repeat(index * 5)), put(`b ${index}`, "y")], true);
    await store.close();
    const [log] = (await filesOf(path, /\.log$/)) as [string];
    const size = (await readFile(join(path, log))).length;
    let seen = 12;
    for (let length = size; length >= 0; length -= 13) {
      const copy = join(folder, "copy");
      await cp(path, copy, { recursive: true });
      await truncate(join(copy, log), length);
      const text = await readAll(copy);
      const [a, b] = [text.match(/^a /gm)?.length ?? 0, text.match(/^b /gm)?.length ?? 0];
      expect(a).toBe(b);
      expect(a).toBeLessThanOrEqual(seen);
      seen = a;
      await rm(copy, { recursive: true });
    }
    expect(seen).toBeLessThanOrEqual(1);
  });

  it("that is the older of two logs may lose nothing: the newer one would go on behind the hole", { timeout: 60_000 }, async () => {
    const path = join(folder, "two");
    const store = await openLevelStore(path);
    for (let index = 0; index < 12; index++) await write(store, [put(`a ${index}`, "x".repeat(index)), put(`b ${index}`, "y")], true);
    await store.close();
    const [older] = (await filesOf(path, /\.log$/)) as [string];
    const content = await readFile(join(path, older));
    const cut = splitLog(content, 7);
    const newer = `${String(Number.parseInt(older, 10) + 1).padStart(6, "0")}.log`;
    const openWith = async (first: Uint8Array | undefined, second: Uint8Array): Promise<string> => {
      const copy = join(folder, "copy");
      await rm(copy, { recursive: true, force: true });
      await cp(path, copy, { recursive: true });
      await rm(join(copy, older));
      if (first !== undefined) await writeFile(join(copy, older), first);
      await writeFile(join(copy, newer), second);
      return readAll(copy);
    };
    const [first, second] = [content.subarray(0, cut), content.subarray(cut)];
    expect((await openWith(first, second)).match(/^a /gm)).toHaveLength(12);
    expect((await openWith(first, second.subarray(0, second.length - 1))).match(/^a /gm)).toHaveLength(11);
    expect((await openWith(content.subarray(0, cut - 1), second.subarray(0, 0))).match(/^a /gm)).toHaveLength(6);
    const damaged = { code: "corrupt", message: expect.stringContaining("damaged") };
    for (let length = cut - 1; length >= 0; length -= 17)
      await expect(openWith(content.subarray(0, length), second)).rejects.toMatchObject(damaged);
    await expect(openWith(content.subarray(0, 0), second)).rejects.toMatchObject({ ...damaged, message: expect.stringContaining(older) });
    await expect(openWith(undefined, second)).rejects.toMatchObject(damaged);
    // and neither may it come twice, nor the two in each other's place
    await expect(openWith(first, first)).rejects.toMatchObject(damaged);
    await expect(openWith(second, first)).rejects.toMatchObject(damaged);
  });

  it("in the middle of the log is not taken for a torn end", async () => {
    const path = join(folder, "log");
    const store = await openLevelStore(path);
    for (let index = 0; index < 20; index++) await write(store, [put(`key ${index}`, "value".repeat(20))], true);
    await store.close();
    const [log] = (await filesOf(path, /\.log$/)) as [string];
    const content = await readFile(join(path, log));
    expect(readLog(content)).toMatchObject({ ok: true, torn: false });
    expect(readLog(content.subarray(0, content.length - 1))).toMatchObject({ ok: true, torn: true });
    // every bit of every record, its length and type included, the last record's too
    for (let bit = 0; bit < content.length * 8; bit += 3) {
      content[bit >>> 3] = (content[bit >>> 3] as number) ^ (1 << (bit & 7));
      expect(readLog(content).ok).toBe(false);
      content[bit >>> 3] = (content[bit >>> 3] as number) ^ (1 << (bit & 7));
    }
    expect(readLog(Buffer.concat([content, Buffer.alloc(4000)]))).toMatchObject({ ok: true, torn: true });
    expect(readLog(Buffer.concat([content.subarray(0, 200), Buffer.alloc(50), content.subarray(250)])).ok).toBe(false);
  });
});

describe("a failed write", { timeout }, () => {
  it("is final: no later one is taken, and what was acknowledged is there after a restart", async () => {
    const path = join(folder, "limited");
    // the kernel refuses to let a file grow beyond 200 KiB
    const script = `import { openLevelStore } from ${JSON.stringify(join(import.meta.dirname, "../../src/storage/level.ts"))};
      process.on("SIGXFSZ", () => {});
      const store = await openLevelStore(${JSON.stringify(path)});
      const write = (key, size) => new Promise((resolve) => store.write([{ type: "put", key: Buffer.from(key), value: new Uint8Array(size) }], { durable: true }, resolve));
      let count = 0; let error;
      while ((error = await write("key " + count, 20000)) === undefined) count++;
      const later = await write("small", 1);
      console.log(JSON.stringify({ count, code: error.code, later: later?.code }));
      process.exit(0);`;
    const child = spawn("bash", ["-c", `ulimit -f 200; exec "$0" --input-type=module-typescript -e "$1"`, process.execPath, script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await new Promise((resolve) => child.once("close", resolve));
    const { count, code, later } = JSON.parse(output) as { count: number; code: string; later: string };
    expect(count).toBeGreaterThan(0);
    expect([code, later]).toEqual(["io", "io"]);
    const store = await open(path);
    for (let index = 0; index < count; index++) expect(store.get(bytes(`key ${index}`))).toHaveLength(20_000);
    expect(store.get(bytes("small"))).toBeUndefined();
  });

  it("for want of room is told apart", () => {
    const cause = Object.assign(new Error("IO error: /x/000003.log: No space left on device"), { code: "LEVEL_IO_ERROR" });
    expect(toStoreError(cause).code).toBe("full");
    expect(toStoreError(Object.assign(new Error("IO error: x: Input/output error"), { code: "LEVEL_IO_ERROR" })).code).toBe("io");
    expect(
      toStoreError(
        Object.assign(new Error("Database failed to open"), {
          code: "LEVEL_DATABASE_NOT_OPEN",
          cause: Object.assign(new Error("bad"), { code: "LEVEL_CORRUPTION" }),
        }),
      ).code,
    ).toBe("corrupt");
  });
});

describe("a record of the write-ahead log", () => {
  const header = (sequence: bigint, count: number): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.writeBigUInt64LE(sequence);
    bytes.writeUInt32LE(count, 8);
    return bytes;
  };
  const one = Buffer.concat([header(5n, 2), Uint8Array.of(1, 1, 65, 2, 66, 67, 0, 1, 65)]);

  it("is a batch of as many operations as it says, with a sequence that LevelDB takes", () => {
    expect(checkBatch(one)).toEqual({ sequence: 5, next: 7 });
    expect(checkBatch(header(2n ** 40n + 3n, 0))).toEqual({ sequence: 2 ** 40 + 3, next: 2 ** 40 + 3 });
    for (const [name, bytes] of Object.entries({
      "an impossible sequence": header(2n ** 53n, 0),
      "another count": Buffer.concat([header(5n, 3), one.subarray(12)]),
      "an unknown operation": Buffer.concat([header(5n, 1), Uint8Array.of(2, 1, 65)]),
      "a key past the end": Buffer.concat([header(5n, 1), Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 0x0f, 65)]),
      "no header": one.subarray(0, 11),
    })) {
      expect(() => checkBatch(bytes), name).toThrow(RangeError);
    }
  });
});

describe("crc32c", () => {
  it("has the value that RFC 3720 gives, in whatever parts", () => {
    const data = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(crc32c(data)).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(data, 11, 32, crc32c(data, 0, 11))).toBe(0x46dd794e);
  });
});
