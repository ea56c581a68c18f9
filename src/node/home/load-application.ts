/** Which application a node runs: the built-in key-value store, or a module that its operator names (docs/applications.md). */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Application } from "../../ledger/application.ts";
import { createKeyValueStore } from "../../ledger/kv/application.ts";
import type { Config } from "./config.ts";
import { applicationNameRule } from "./genesis.ts";
import type { Home } from "./layout.ts";
import { NodeError } from "./identity.ts";

const bad = (path: string, what: string, cause?: unknown): NodeError => new NodeError("bad-application", `${path} ${what}`, { cause });

/** What is wrong with it, if anything. */
const problemOf = (candidate: unknown): string | undefined => {
  if (typeof candidate !== "object" || candidate === null) return "has no export `application`";
  const { name, apply } = candidate as Partial<Application>;
  if (typeof name !== "string" || !applicationNameRule.pattern.test(name))
    return `has an \`application\` whose name is not ${applicationNameRule.text}`;
  return typeof apply === "function" ? undefined : "has an `application` without the function `apply`";
};

/**
 * Imports a JavaScript module (TypeScript where this Node.js can) and takes its export `application`. The module runs with all rights of the node.
 *
 * @param path absolute, or relative to the working directory
 * @throws NodeError `bad-application` when it can not be imported or exports no application
 */
export const loadApplication = async (path: string): Promise<Application> => {
  const file = resolve(path);
  let candidate: unknown;
  try {
    candidate = ((await import(pathToFileURL(file).href)) as { readonly application?: unknown }).application;
  } catch (error) {
    throw bad(file, `can not be loaded: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  const problem = problemOf(candidate);
  if (problem !== undefined) throw bad(file, problem);
  return candidate as Application;
};

/** The application that a home's configuration names. @throws NodeError `bad-application` */
export const configuredApplication = async (home: Home, { node }: Config): Promise<Application> =>
  node.application === "" ? createKeyValueStore() : loadApplication(resolve(home.path, node.application));
