/** Third-party test vectors: they are not part of this repository, and tests that need them say so when they skip. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env["VECTORS_DIR"] ?? join(import.meta.dirname, "..", "..", "..", "shared", "vectors");

/** The parsed file, or undefined where there is none. */
export const loadVectors = (file: string): unknown => {
  const path = join(folder, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as unknown) : undefined;
};
