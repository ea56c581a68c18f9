/** The files that people write or are given: config.toml, genesis.json, public records, key files. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, createConfig, loadConfig } from "../../../src/node/home/config.ts";
import { renderConfig } from "../../../src/node/home/config-file.ts";
import type { PartialConfig } from "../../../src/node/home/config-file.ts";
import { GenesisError, parseGenesis, parseRecord, renderGenesis } from "../../../src/node/home/genesis.ts";
import { signRecord } from "../../../src/node/home/record.ts";
import { loadKeyFile, saveKeyFile } from "../../../src/signing/key-file.ts";
import { KeyFileError } from "../../../src/signing/key-format.ts";
import { createPassphrase, createSealing, type Passphrase } from "../../../src/signing/passphrase.ts";
import { keyFromSeed } from "../../../src/signing/keys.ts";
import { defaultParameters } from "../../../src/protocol/limits.ts";
import type { Target } from "../target.ts";
import { mutateJson, mutateText } from "../text.ts";
import type { Random } from "../random.ts";

/** What a terminal would obey rather than show. */
const isPrintable = (text: string): boolean => !/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(text);
const maxMessage = 64 * 1024;

const judgeMessage = (message: string): void => {
  if (!isPrintable(message)) throw new Error(`the complaint would not be shown as it is: ${JSON.stringify(message)}`);
  if (message.length > maxMessage) throw new Error(`the complaint has ${message.length} characters`);
};

/** @throws Error when anything reached the prototype that all objects share */
const checkPrototypes = (): void => {
  const names = Object.keys(Object.prototype);
  if (names.length > 0 || "polluted" in {}) throw new Error(`Object.prototype has ${names.join()}`);
};

/** Runs a loader: what it gives is judged by `accepted`, what it throws must be of its own kind. */
const judge = <T>(load: () => T, known: (error: unknown) => boolean, accepted: (value: T) => void): void => {
  let value: T;
  try {
    value = load();
  } catch (error) {
    checkPrototypes();
    if (!known(error)) throw error;
    judgeMessage((error as Error).message);
    return;
  }
  checkPrototypes();
  accepted(value);
};

/* ------------------------------------------------------------------ config.toml */

/** Every key of a configuration, given: so that the file has them outside of comments. */
const wholeConfig = (): PartialConfig => ({
  ...createConfig({
    node: { moniker: "alpha one" },
    network: { announce: ["/dns4/node.example/tcp/27656"], bootstrap: [] },
  }),
});

const judgeConfig = (path: string, text: string): void => {
  const lines = text.split("\n").length;
  judge(
    () => loadConfig({ file: path }),
    (error) => {
      if (!(error instanceof ConfigError)) return false;
      for (const { key, line, source } of error.problems) {
        if (source === "default") throw new Error(`the default of ${key} was complained about`);
        if (line !== undefined && !(line >= 1 && line <= lines)) throw new Error(`${key} in line ${line} of ${lines}`);
        // only an unknown name may hide from the search for its line, and only the file itself has no key
        if (key === "" && line === undefined && text.length < 1024 * 1024) throw new Error(`neither a key nor a line: ${error.message}`);
      }
      return error.problems.length > 0;
    },
    ({ config }) => {
      const again = JSON.stringify(createConfig(config));
      if (again !== JSON.stringify(config)) throw new Error("accepted, yet not when it is given back");
    },
  );
};

/* ------------------------------------------------------------------ genesis, records, keys */

const keyOf = (seed: number, index: number) => keyFromSeed(new Uint8Array(32).fill(1 + (seed % 100) + index));

const makeRecords = (seed: number, count: number) =>
  Array.from({ length: count }, (_, index) =>
    signRecord(`v${index}`, { validator: keyOf(seed, 2 * index), node: keyOf(seed, 2 * index + 1) }),
  );

const judgeGenesis = (text: string): void =>
  judge(
    () => parseGenesis(text, "genesis.json"),
    (error) => error instanceof GenesisError && error.problems.length > 0,
    (genesis) => {
      const again = parseGenesis(renderGenesis(genesis), "again");
      if (again.hash !== genesis.hash) throw new Error(`accepted as ${genesis.hash}, and when written again it is ${again.hash}`);
    },
  );

const judgeRecord = (text: string): void =>
  judge(
    () => parseRecord(text, "record"),
    (error) => error instanceof GenesisError && error.problems.length > 0,
    (record) => void parseRecord(JSON.stringify(record), "again"),
  );

const judgeKey = (path: string, secret: string, passphrase: Passphrase): void =>
  judge(
    () => loadKeyFile(path, "validator", passphrase),
    (error) => {
      if (!(error instanceof KeyFileError)) return false;
      if (error.message.includes(secret.slice(0, 8))) throw new Error("the complaint quotes the secret");
      return true;
    },
    () => undefined,
  );

/** A JSON text, damaged as a value or as a text. */
const damagedJson = (random: Random, text: string): string => {
  if (random.chance(0.5)) return mutateText(random, text, [text]);
  let value: unknown = JSON.parse(text);
  for (let count = random.between(1, 2); count > 0; count--) value = mutateJson(random, value);
  return JSON.stringify(value) ?? "";
};

export const files: Target = {
  name: "files",
  about: "config.toml, genesis.json, public records and key files",
  open(seed) {
    const folder = mkdtempSync(join(tmpdir(), "byz-fuzz-files-"));
    const [configPath, keyPath] = [join(folder, "config.toml"), join(folder, "validator.key")];
    const configs = [renderConfig(wholeConfig()), renderConfig({ node: { moniker: "x" } }), renderConfig()];
    const validators = makeRecords(seed, 4);
    const genesis = renderGenesis({
      chainId: "fuzz",
      createdAt: 1_700_000_000_000,
      testnet: true,
      parameters: defaultParameters,
      validators,
    });
    const record = JSON.stringify(validators[0]);
    saveKeyFile(keyPath, "validator", keyOf(seed, 0));
    const keyText = readFileSync(keyPath, "utf8");
    const secret = (JSON.parse(keyText) as { secret: string }).secret;
    const passphrase = createPassphrase(secret);
    saveKeyFile(keyPath, "validator", keyOf(seed, 0), { overwrite: true, sealing: createSealing(passphrase, { n: 2, r: 1, p: 1 }) });
    const keyTexts = [keyText, readFileSync(keyPath, "utf8")];
    const cases: Record<string, (random: Random) => { text: string; run: (text: string) => void }> = {
      config: (random) => ({
        text: mutateText(random, random.pick(configs), configs),
        run: (text) => {
          writeFileSync(configPath, text);
          judgeConfig(configPath, text);
        },
      }),
      genesis: (random) => ({ text: damagedJson(random, genesis), run: judgeGenesis }),
      record: (random) => ({ text: damagedJson(random, record), run: judgeRecord }),
      key: (random) => ({
        text: damagedJson(random, random.pick(keyTexts)),
        run: (text) => {
          writeFileSync(keyPath, text);
          chmodSync(keyPath, 0o600);
          judgeKey(keyPath, secret, passphrase);
        },
      }),
    };
    return {
      next(random) {
        const name = random.pick(["config", "config", "config", "genesis", "genesis", "record", "key"]);
        const { text, run } = (cases[name] as (typeof cases)["config"] & object)(random);
        return { input: () => `${name}: ${JSON.stringify(text.slice(0, 8192))}`, run: () => run(text) };
      },
      close: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};
