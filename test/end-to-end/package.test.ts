/** What `npm pack` makes, installed where nothing else is: the command, both entry points, and the types. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/network.ts";

const top = fileURLToPath(new URL("../../", import.meta.url));
const folder = temporaryFolder();
const name = "byzantine-coordinator";
/** of one command: an installation on a busy machine, or from a registry */
const limitMs = 200_000;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the project's own surroundings helps. */
const run = (command: string, args: readonly string[], cwd = folder): Promise<Ran> => {
  const kept = ["PATH", "HOME", "TMPDIR", "LANG"].flatMap((each) => (process.env[each] === undefined ? [] : [[each, process.env[each]]]));
  const npm = Object.entries(process.env).filter(([each]) => /^npm_config_(cache|registry|userconfig)$/i.test(each));
  const env = Object.fromEntries([...kept, ...npm]) as Record<string, string>;
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, timeout: limitMs, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const failed = typeof error?.code === "number" ? error.code : null;
      resolve({ status: error === null ? 0 : failed, stdout, stderr });
    });
  });
};
const node = (source: string): Promise<Ran> => run(process.execPath, ["--input-type=module", "-e", source]);

interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** The versions that the project itself has, so that what its own installation left in npm's cache is enough. */
const lockOf = (tarball: string): string => {
  const lock = JSON.parse(readFileSync(join(top, "package-lock.json"), "utf8")) as Lock;
  const manifest = JSON.parse(readFileSync(join(top, "package.json"), "utf8")) as Record<string, unknown>;
  const wanted = Object.entries(lock.packages).filter(
    ([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true,
  );
  const { version, bin, dependencies, optionalDependencies, engines } = manifest;
  const integrity = `sha512-${createHash("sha512")
    .update(readFileSync(join(folder, tarball)))
    .digest("base64")}`;
  const own = { version, resolved: `file:${tarball}`, integrity, bin, dependencies, optionalDependencies, engines };
  const packages = {
    "": { dependencies: { [name]: `file:${tarball}` } },
    ...Object.fromEntries(wanted),
    [`node_modules/${name}`]: own,
  };
  return JSON.stringify({ lockfileVersion: lock.lockfileVersion, requires: true, packages });
};

const unreachable =
  /ENOTCACHED|ENOTFOUND|EAI_|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|EHOSTUNREACH|EIDLETIMEOUT|E403|E429|E5\d\d/;

let files: readonly string[] = [];
/** why it could not be installed here: there is no registry, and the cache does not have everything */
let missing: string | undefined;

beforeAll(async () => {
  // without scripts: they would build into the folder that other tests run from
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], top);
  expect(packed.status, packed.stderr).toBe(0);
  const [tarball] = JSON.parse(packed.stdout) as readonly { readonly filename: string; readonly files: readonly { path: string }[] }[];
  files = tarball?.files.map(({ path }) => path) ?? [];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: { [name]: `file:${tarball?.filename}` } }));
  writeFileSync(join(folder, "package-lock.json"), lockOf(tarball?.filename ?? ""));
  const quick = ["--prefer-offline", "--fetch-retries=0", "--fetch-timeout=20000", "--no-audit", "--no-fund"];
  const installed = await run("npm", ["ci", ...quick]);
  if (installed.status !== 0 && unreachable.test(installed.stderr)) {
    missing = /code (\w+)/.exec(installed.stderr)?.[1] ?? "no registry";
    console.log(`the package was not installed: ${missing}`);
  } else expect(installed.status, installed.stderr).toBe(0);
}, 2 * limitMs);

describe("the package", () => {
  it("has the command, what it runs, types, documents and the licence, and neither sources nor tests", () => {
    const wanted = ["bin/byz.js", "LICENSE", "README.md", "docs/operators.md", "examples/lock.ts"];
    for (const entry of ["", "client/", "testnet/"]) wanted.push(`dist/${entry}index.js`, `dist/${entry}index.d.ts`);
    expect(files).toEqual(expect.arrayContaining(wanted));
    expect(files.filter((path) => /^(src|test|scripts|\.)|\.test\./.test(path))).toEqual([]);
  });

  it("gives the command, which makes a home", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const byz = join(folder, "node_modules", ".bin", "byz");
    const { version } = JSON.parse(readFileSync(join(top, "package.json"), "utf8")) as { readonly version: string };
    expect(await run(byz, ["--version"])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
    const home = join(folder, "home");
    const made = await run(byz, ["init", "--home", home, "--json"]);
    expect(made.status, made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ peerId: expect.stringMatching(/^12D3KooW/) as unknown });
    expect(await run(byz, ["config", "validate", "--home", home])).toMatchObject({ status: 0 });
  });

  it("can be imported, as a node and as a client", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const imported = await node(`
      const { createNode, loadGenesis } = await import("${name}");
      const { createClient } = await import("${name}/client");
      const { Testnet } = await import("${name}/testnet");
      console.log([createNode, loadGenesis, createClient, Testnet.up].map((each) => typeof each).join());
      process.exit(0);`);
    expect(imported).toMatchObject({ status: 0, stdout: "function,function,function,function\n", stderr: "" });
    expect((await node(`await import("${name}/dist/node/create-node.js")`)).stderr).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("tells TypeScript what it is", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    mkdirSync(join(folder, "own"));
    const source = `import { createClient, loadGenesis, type Client } from "${name}/client";
export const open = (file: string): Client => createClient({ genesis: loadGenesis(file), urls: ["http://127.0.0.1:27657"] });
// @ts-expect-error: a genesis is what a client trusts
export const wrong = createClient({ urls: [] });
`;
    writeFileSync(join(folder, "own", "client.ts"), source);
    const tsc = join(top, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--types", "", join(folder, "own", "client.ts")];
    const checked = await run(process.execPath, [tsc, ...options]);
    expect(checked).toMatchObject({ status: 0, stdout: "" });
  });
});
