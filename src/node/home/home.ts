/** Makes a node's home directory, and says in public whose it is (docs/operators.md "Home directory"). */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { peerNameFromPublicKey } from "../../network/peer-name.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { KeyUse } from "../../signing/key-format.ts";
import type { KeyPair } from "../../signing/keys.ts";
import { createSealing, type Passphrase, type ScryptCost } from "../../signing/passphrase.ts";
import { loadConfig } from "./config.ts";
import { renderConfig } from "./config-file.ts";
import type { PartialConfig } from "./config-file.ts";
import { keyOf, loadNodeKey, loadValidatorKey } from "./home-keys.ts";
import { attempt, type Home, homeAt, HomeError, makeFolder, writeFileDurably } from "./layout.ts";
import { signRecord } from "./record.ts";
import type { PublicRecord } from "./record.ts";
import { monikerRule } from "./settings.ts";

export interface InitOptions {
  /** the host's name when absent */
  readonly moniker?: string;
  /** further keys to set in `config.toml` */
  readonly config?: PartialConfig;
  /** the keys are encrypted with it from the start: no disk ever has them plain */
  readonly passphrase?: Passphrase;
  /** of encrypting them; the standard cost when absent */
  readonly cost?: ScryptCost;
}

export interface HomeKeys {
  readonly node: KeyPair;
  readonly validator: KeyPair;
  readonly client: KeyPair;
}

/** The host's name as far as it is a moniker. */
const hostMoniker = (): string => {
  const name = (hostname().split(".")[0] ?? "").slice(0, 64);
  return monikerRule(name) === undefined ? name : "node";
};

/**
 * Makes a home, or completes one that a crash left unfinished; what is there already is kept.
 *
 * @throws HomeError `exists` when nothing was missing, `invalid` for a bad moniker, `foreign-data`, `io`; KeyFileError
 */
export const initHome = (path: string, options: InitOptions = {}): HomeKeys => {
  const problem = options.moniker === undefined ? undefined : monikerRule(options.moniker);
  if (problem !== undefined) throw new HomeError("invalid", `the moniker ${problem}`, "choose another with --moniker");
  const home = homeAt(path);
  if ([home.nodeKey, home.validatorKey, home.clientKey, home.config].every((file) => existsSync(file))) {
    throw new HomeError("exists", `${home.path} is a home already`, "choose another with --home");
  }
  return attempt(`the home ${home.path} can not be made`, () => {
    makeFolder(home.path, 0o700);
    const { passphrase, cost } = options;
    const sealing = passphrase && createSealing(passphrase, cost);
    const made = (use: KeyUse): KeyPair => keyOf(home, use, passphrase, sealing);
    const keys = { node: made("node"), validator: made("validator"), client: made("client") };
    if (!existsSync(home.config)) {
      const node = { ...options.config?.node, moniker: options.moniker ?? hostMoniker() };
      writeFileDurably(home.config, renderConfig({ ...options.config, node }));
    }
    return keys;
  });
};

export const peerIdOf = (nodeKey: Pick<KeyPair, "publicKey">): PeerName => peerNameFromPublicKey(nodeKey.publicKey);

/**
 * The public record of this home's validator (`byz keys export`), signed by both of its keys.
 *
 * @param passphrase opens those that are encrypted
 * @throws HomeError `missing`; KeyFileError; ConfigError
 */
export const exportRecord = (
  home: Home,
  environment: Readonly<Record<string, string | undefined>> = {},
  passphrase?: Passphrase,
): PublicRecord => {
  const node = loadNodeKey(home, passphrase);
  const validator = loadValidatorKey(home, passphrase);
  if (validator === undefined) throw new HomeError("missing", `${home.path} has no validator.key`, "an observer has no public record");
  const { config } = loadConfig({ file: home.config, environment });
  return signRecord(config.node.moniker, { validator, node });
};
