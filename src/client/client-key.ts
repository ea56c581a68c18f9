/** A client's key in a file, made on the first use. */
import { existsSync } from "node:fs";
import { loadKeyFile, saveKeyFile } from "../signing/key-file.ts";
import { createKey, type KeyPair } from "../signing/keys.ts";
import { createSealing, type Passphrase } from "../signing/passphrase.ts";

/**
 * The client key in this file; when there is none, a new one is made and saved, readable by its owner only, and encrypted if there is a passphrase.
 *
 * @param passphrase of `createPassphrase`; opening or making an encrypted file takes about 0.4 s and 128 MiB
 * @throws KeyFileError when it can not be read, written or used
 */
export const openClientKey = (path: string, passphrase?: Passphrase): KeyPair => {
  if (existsSync(path)) return loadKeyFile(path, "client", passphrase);
  const key = createKey();
  saveKeyFile(path, "client", key, { sealing: passphrase && createSealing(passphrase) });
  return key;
};
