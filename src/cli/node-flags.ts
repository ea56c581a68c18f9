/** The flags of `byz start` and `byz join` that stand for settings: judged by the settings' rules, told by their own names. */
import { resolve } from "node:path";
import { ConfigError, loadConfig } from "../node/home/config.ts";
import type { Config } from "../node/home/config.ts";
import type { PartialConfig } from "../node/home/config-file.ts";
import { homeAt } from "../node/home/layout.ts";
import { usageError } from "./errors.ts";
import type { Session } from "./session.ts";

export interface NodeFlags {
  readonly bootstrap?: readonly string[];
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  readonly api?: string;
  readonly application?: string;
  readonly memoryLimit?: number;
  readonly logLevel?: string;
}

const flagByKey: Readonly<Record<string, string>> = {
  "node.application": "--application",
  "node.memory_limit_mib": "--memory-limit",
  "network.listen": "--listen",
  "network.announce": "--announce",
  "network.bootstrap": "--bootstrap",
  "api.listen": "--api",
  "log.level": "--log-level",
};

const settingsOf = (flags: NodeFlags): PartialConfig => ({
  node: {
    ...(flags.application === undefined ? {} : { application: resolve(flags.application) }),
    ...(flags.memoryLimit === undefined ? {} : { memoryLimitMib: flags.memoryLimit }),
  },
  network: {
    ...(flags.listen === undefined ? {} : { listen: flags.listen }),
    ...(flags.announce === undefined ? {} : { announce: flags.announce }),
    ...(flags.bootstrap === undefined ? {} : { bootstrap: flags.bootstrap }),
  },
  api: flags.api === undefined ? {} : { listen: flags.api },
  log: flags.logLevel === undefined ? {} : { level: flags.logLevel },
});

/**
 * The configuration of the session's home, where these flags win.
 *
 * @throws CliError (usage) when nothing but a flag is wrong; ConfigError
 */
export const configOf = (session: Session, flags: NodeFlags): Config => {
  try {
    return loadConfig({ file: homeAt(session.home).config, environment: session.io.environment, flags: settingsOf(flags) }).config;
  } catch (error) {
    if (!(error instanceof ConfigError) || !error.problems.every(({ source }) => source === "flag")) throw error;
    throw usageError(error.problems.map(({ key, message }) => `${flagByKey[key] ?? key} ${message}`).join("; "));
  }
};
