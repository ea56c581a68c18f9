/** The house rules that a compiler does not know. docs/architecture.md explains them. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const top = fileURLToPath(new URL("..", import.meta.url));
const src = join(top, "src");

interface Room {
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

const libp2p = ["libp2p", "@libp2p/*", "@multiformats/multiaddr"];

/** Who may import whom. `folder/file.ts` allows that file only; `node:` stands for Node's own modules. */
const rooms: Readonly<Record<string, Room>> = {
  protocol: { imports: [], packages: [] },
  wire: { imports: ["protocol"], packages: ["node:"] },
  signing: { imports: ["protocol", "wire"], packages: ["node:", "sodium-native"] },
  consensus: { imports: ["protocol"], packages: [] },
  partition: { imports: ["protocol"], packages: [] },
  storage: { imports: ["protocol", "wire"], packages: ["node:", "classic-level"] },
  ledger: { imports: ["protocol", "wire", "signing", "storage/port.ts", "storage/keys.ts"], packages: ["node:"] },
  documents: { imports: ["protocol", "wire", "signing", "storage/port.ts", "storage/keys.ts"], packages: ["node:"] },
  network: { imports: ["protocol", "wire"], packages: ["node:", ...libp2p] },
  node: {
    imports: ["protocol", "wire", "signing", "consensus", "partition", "storage", "ledger", "documents", "network", "api"],
    packages: ["node:", "pino", "zod", "smol-toml", "prom-client"],
  },
  api: { imports: ["protocol", "wire", "signing", "ledger", "documents", "node/service.ts", "node/feeds.ts"], packages: ["node:", "zod"] },
  client: {
    imports: [
      "protocol",
      "wire",
      "signing",
      "ledger",
      "documents",
      "node/home/genesis.ts",
      "node/home/genesis-committee.ts",
      "network/libp2p/visitor.ts",
    ],
    packages: ["node:"],
  },
  adversaries: {
    imports: ["protocol", "wire", "signing", "ledger", "documents", "network/port.ts", "node/disguise.ts", "node/service.ts"],
    packages: [],
  },
  simulator: {
    imports: ["protocol", "wire", "signing", "consensus", "storage", "ledger", "documents", "network", "node", "adversaries"],
    packages: ["node:"],
  },
  testnet: { imports: ["protocol", "wire", "signing", "node", "client", "adversaries"], packages: ["node:"] },
  cli: {
    imports: ["protocol", "wire", "signing", "ledger", "node", "client", "adversaries", "testnet", "simulator"],
    packages: ["node:", "commander", "pino"],
  },
  "index.ts": { imports: ["protocol", "wire", "signing", "storage", "ledger", "node", "client"], packages: [] },
};

interface SourceFile {
  /** relative to src, with `/` */
  readonly path: string;
  readonly room: string;
  readonly lines: readonly string[];
  /** the text without its comments */
  readonly code: string;
  /** files of ours, relative to src */
  readonly local: readonly string[];
  readonly packages: readonly string[];
}

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");

const specifiersOf = (text: string): string[] => {
  const statement = /^(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;
  return [...withoutComments(text).matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
};

const slashed = (path: string): string => path.split(sep).join("/");

const readSource = (path: string): SourceFile => {
  const text = readFileSync(join(src, path), "utf8");
  const specifiers = specifiersOf(text);
  const own = specifiers.filter((specifier) => specifier.startsWith("."));
  return {
    path: slashed(path),
    room: path.includes(sep) ? (path.split(sep)[0] ?? "") : path,
    lines: text.split("\n"),
    code: withoutComments(text),
    local: own.map((specifier) => slashed(relative(src, resolve(dirname(join(src, path)), specifier)))),
    packages: specifiers.filter((specifier) => !specifier.startsWith(".")),
  };
};

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map(readSource);

const packageMatches = (specifier: string, pattern: string): boolean => {
  if (pattern === "node:") return specifier.startsWith("node:");
  if (pattern.endsWith("*")) return specifier.startsWith(pattern.slice(0, -1));
  return specifier === pattern || specifier.startsWith(`${pattern}/`);
};

/** Lengths of functions in lines, those of the functions nested in them not counted. Relies on the formatter's indentation. */
const functionLengths = (lines: readonly string[]): { readonly at: number; readonly length: number }[] => {
  const open: { readonly indent: string; readonly at: number; nested: number }[] = [];
  const done: { at: number; length: number }[] = [];
  lines.forEach((line, index) => {
    const indent = /^ */.exec(line)?.[0] ?? "";
    const current = open.at(-1);
    if (current !== undefined && indent === current.indent && line.startsWith(`${indent}}`)) {
      open.pop();
      const whole = index - current.at + 1;
      done.push({ at: current.at + 1, length: whole - current.nested });
      const outer = open.at(-1);
      if (outer !== undefined) outer.nested += whole;
    }
    if (/(=>|\bfunction\b.*\)[^)]*|^\s*(?:async )?\w+\(.*\): [^=]+) \{$/.test(line)) open.push({ indent, at: index, nested: 0 });
  });
  return done;
};

describe("the import table", () => {
  it("knows every folder of src", () => {
    expect([...new Set(files.map((file) => file.room))].filter((room) => rooms[room] === undefined)).toEqual([]);
  });

  it("is kept by every file", () => {
    const breaches = files.flatMap((file) => {
      const room = rooms[file.room] ?? { imports: [], packages: [] };
      const local = file.local.filter((target) => {
        const folder = target.split("/")[0] ?? "";
        return folder !== file.room && !room.imports.includes(folder) && !room.imports.includes(target);
      });
      const packages = file.packages.filter((name) => !room.packages.some((pattern) => packageMatches(name, pattern)));
      return [...local, ...packages].map((target) => `${file.path} imports ${target}`);
    });
    expect(breaches).toEqual([]);
  });

  it("is the one in docs/architecture.md", () => {
    const doc = readFileSync(join(top, "docs/architecture.md"), "utf8");
    const table = /<!-- import table -->([\s\S]*)<!-- \/import table -->/.exec(doc)?.[1] ?? "";
    const list = (cell: string | undefined): string[] => {
      const text = (cell ?? "").trim().replaceAll("\\*", "*");
      return text === "–" ? [] : text.split(", ");
    };
    const rows = table.trim().split("\n").slice(2);
    const documented = rows.map((row) => {
      const [, folder, imports, packages] = row.split("|");
      return [(folder ?? "").trim(), { imports: list(imports), packages: list(packages) }] as const;
    });
    expect(Object.fromEntries(documented)).toEqual(rooms);
  });

  it("has no cycle between files", () => {
    const byPath = new Map(files.map((file) => [file.path, file]));
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === "done") return;
      if (state.get(path) === "open") {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      state.set(path, "open");
      for (const target of byPath.get(path)?.local ?? []) visit(target, [...trail, path]);
      state.set(path, "done");
    };
    for (const file of files) visit(file.path, []);
    expect(cycles).toEqual([]);
  });

  it("names only files that exist, with their extension", () => {
    const known = new Set(files.map((file) => file.path));
    const missing = files.flatMap((file) => file.local.filter((target) => !known.has(target)).map((target) => `${file.path}: ${target}`));
    expect(missing).toEqual([]);
  });

  it("uses no package that package.json does not declare", () => {
    const manifest = JSON.parse(readFileSync(join(top, "package.json"), "utf8")) as { dependencies: Record<string, string> };
    const used = files.flatMap((file) => file.packages).filter((name) => !name.startsWith("node:"));
    const names = used.map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/"),
    );
    expect([...new Set(names)].filter((name) => manifest.dependencies[name] === undefined)).toEqual([]);
  });
});

describe("the style", () => {
  const where = (pattern: RegExp): string[] =>
    files.flatMap((file) => file.lines.flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}`] : [])));

  it("has no default export", () => {
    expect(where(/^export default\b|\bas default\b/)).toEqual([]);
  });

  it("has no any", () => {
    const pattern = /(?::|\bas|<|\|)\s*any\b(?=[\s;,)>[\]=|]|$)/m;
    expect(files.filter((file) => pattern.test(file.code)).map((file) => file.path)).toEqual([]);
  });

  it("re-exports in the package's entry points only", () => {
    const entries = new Set(["index.ts", "client/index.ts", "testnet/index.ts"]);
    const barrels = files.filter((file) => !entries.has(file.path) && file.lines.some((line) => line.startsWith("export *")));
    expect(barrels.map((file) => file.path)).toEqual([]);
  });

  it("keeps files to 300 lines", () => {
    expect(files.filter((file) => file.lines.length > 301).map((file) => `${file.path}: ${file.lines.length - 1}`)).toEqual([]);
  });

  it("keeps functions to about 60 lines of their own", () => {
    const long = files.flatMap((file) =>
      functionLengths(file.lines).flatMap(({ at, length }) => (length > 70 ? [`${file.path}:${at} has ${length} lines`] : [])),
    );
    expect(long).toEqual([]);
  });

  it("says what each module is for", () => {
    const silent = files.filter((file) => file.lines.length > 40 && !file.lines.slice(0, 60).some((line) => /^\s*\/\*\*|^\/\//.test(line)));
    expect(silent.map((file) => file.path)).toEqual([]);
  });
});
