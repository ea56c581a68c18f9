/** A client's key in a file, made on the first use. */
import { existsSync } from "node:fs";
import { loadKeyFile, saveKeyFile } from "../signing/key-file.ts";
import { createKey, type KeyPair } from "../signing/keys.ts";

/**
 * The client key in this file; when there is none, a new one is made and saved, readable by its owner only.
 *
 * @throws KeyFileError when it can not be read, written or used
 */
export const openClientKey = (path: string): KeyPair => {
  if (existsSync(path)) return loadKeyFile(path, "client");
  const key = createKey();
  saveKeyFile(path, "client", key);
  return key;
};
