/** The file `api.token` in a node's home: who holds its content may write from elsewhere. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const read = async (path: string): Promise<string> => {
  const token = (await readFile(path, "utf8")).trim();
  if (!/^[\x21-\x7e]{16,256}$/.test(token)) throw new Error(`${path} does not hold a token: 16 to 256 visible ASCII characters`);
  return token;
};

/**
 * Reads the token, or makes one of 256 random bits (mode 0600) when there is no such file.
 *
 * @throws Error when the file can not be read or made, or does not hold a token
 */
export const loadOrCreateToken = async (path: string): Promise<string> => {
  try {
    return await read(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  try {
    // `wx`: two that start at once agree on one token
    await writeFile(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return read(path);
};
