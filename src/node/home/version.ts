/** The package's version, as in package.json. */
import { readFileSync } from "node:fs";

export const packageVersion = (): string => {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as { readonly version: string };
  return manifest.version;
};
