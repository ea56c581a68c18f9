import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Disk, isLeftOver, placeFile } from "../../src/signing/place-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "byz-place-"));
  path = join(folder, "a.key");
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const names = [
  "accessSync",
  "closeSync",
  "existsSync",
  "fchownSync",
  "fstatSync",
  "fsyncSync",
  "linkSync",
  "openSync",
  "realpathSync",
  "renameSync",
  "rmSync",
  "statSync",
  "writeSync",
] as const;

interface Failing {
  readonly disk: Disk;
  /** what was asked of it, in order */
  readonly steps: string[];
}

/** A disk whose step of this number fails: by itself, or with the power, and then nothing works any more. */
const failingAt = (at: number, power: boolean): Failing => {
  const steps: string[] = [];
  const disk = Object.fromEntries(
    names.map((name) => [
      name,
      (...args: unknown[]) => {
        steps.push(name);
        const fails = power ? steps.length >= at : steps.length === at;
        // the process' files are closed, whatever happens to it
        if (name === "closeSync" || !fails) {
          const done = (fs[name] as (...given: unknown[]) => unknown)(...args);
          if (!fails) return done;
        }
        throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      },
    ]),
  );
  return { disk: disk as unknown as Disk, steps };
};

const attempt = (overwrite: boolean, { disk }: Failing): boolean => {
  try {
    placeFile(path, "new", overwrite, disk);
    return true;
  } catch {
    return false;
  }
};
const content = (): string | undefined => (fs.existsSync(path) ? fs.readFileSync(path, "utf8") : undefined);
const leftOvers = (): string[] => fs.readdirSync(folder).filter((name) => name !== "a.key");

describe("a file that takes the place of another", () => {
  it.each([
    ["the power fails", true],
    ["a step fails", false],
  ])("is the old one or the new one, whole, wherever %s", (_what, power) => {
    const outcomes = new Set<string>();
    for (let at = 1; ; at += 1) {
      fs.rmSync(folder, { recursive: true });
      fs.mkdirSync(folder);
      fs.writeFileSync(path, "old", { mode: 0o600 });
      const failing = failingAt(at, power);
      const done = attempt(true, failing);
      const found = content();
      expect(["old", "new"], `step ${at}, ${failing.steps.at(-1)}`).toContain(found);
      if (done) expect(found).toBe("new");
      expect(leftOvers().every((name) => isLeftOver(name, path))).toBe(true);
      if (!power && failing.steps[at - 1] !== "rmSync") expect(leftOvers()).toEqual([]);
      outcomes.add(`${found} ${done}`);
      if (failing.steps.length < at) break;
    }
    // failing early and late was tried
    expect([...outcomes]).toEqual(expect.arrayContaining(["old false", "new false", "new true"]));
  });

  it("is durable before the old one is overwritten, which nobody finds afterwards", () => {
    fs.writeFileSync(path, "the secret", { mode: 0o600 });
    const old = fs.openSync(path, "r");
    const { disk, steps } = failingAt(0, false);
    placeFile(path, "new", true, disk);
    expect(fs.readFileSync(old)).toEqual(Buffer.alloc("the secret".length));
    fs.closeSync(old);
    const written = steps.filter((step) => ["writeSync", "fsyncSync", "renameSync"].includes(step));
    expect(written).toEqual(["writeSync", "fsyncSync", "renameSync", "fsyncSync", "writeSync", "fsyncSync"]);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
  });

  it("leaves another name of the old one alone: it is somebody's copy", () => {
    fs.writeFileSync(path, "old", { mode: 0o600 });
    fs.linkSync(path, join(folder, "copy"));
    placeFile(path, "new", true);
    expect(fs.readFileSync(join(folder, "copy"), "utf8")).toBe("old");
    expect(content()).toBe("new");
  });

  it("replaces what a symbolic link leads to, and one that is for reading only", () => {
    fs.mkdirSync(join(folder, "safe"));
    const target = join(folder, "safe", "real");
    fs.writeFileSync(target, "old", { mode: 0o400 });
    fs.symlinkSync(target, path);
    placeFile(path, "new", true);
    expect([fs.lstatSync(path).isSymbolicLink(), fs.readFileSync(target, "utf8"), fs.readdirSync(join(folder, "safe"))]).toEqual([
      true,
      "new",
      ["real"],
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)("belongs to its owner, or its folder's, when root writes it (skipped for others)", () => {
    fs.writeFileSync(path, "old", { mode: 0o600 });
    fs.chownSync(path, 12_345, 12_345);
    placeFile(path, "new", true);
    expect(fs.statSync(path)).toMatchObject({ uid: 12_345, gid: 12_345 });
    expect(content()).toBe("new");
    fs.rmSync(path);
    fs.chownSync(folder, 12_345, 12_345);
    placeFile(path, "new", false);
    expect(fs.statSync(path)).toMatchObject({ uid: 12_345, gid: 12_345 });
  });
});

describe("a new file", () => {
  it("is there whole or not at all, wherever the power fails", () => {
    const outcomes = new Set<string | undefined>();
    for (let at = 1; ; at += 1) {
      fs.rmSync(folder, { recursive: true });
      fs.mkdirSync(folder);
      const failing = failingAt(at, true);
      attempt(false, failing);
      expect([undefined, "new"]).toContain(content());
      outcomes.add(content());
      if (failing.steps.length < at) break;
    }
    expect(outcomes.size).toBe(2);
  });

  it("does not take another's place", () => {
    fs.writeFileSync(path, "old");
    expect(() => placeFile(path, "new", false)).toThrow(/EEXIST/);
    expect([content(), leftOvers()]).toEqual(["old", []]);
  });
});
