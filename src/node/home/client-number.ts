/** Numbers for the requests that several command lines sign with one client key (PROTOCOL §9): each given out once, kept in `client.seq`. */
import { readFileSync } from "node:fs";
import { sequencesPerMillisecond } from "../../protocol/client-sequence.ts";
import { withFileLock } from "./file-lock.ts";
import { HomeError, writeFileDurably } from "./layout.ts";
import type { Home } from "./layout.ts";

const lastNumber = (path: string): number => {
  try {
    const value = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(value) && value > 0 ? value : 0;
  } catch {
    return 0;
  }
};

/**
 * A number that no request of this home's client key had before, noted on disk before it is returned. By the clock, so that it is above anything used
 * before even where `client.seq` came out of an old backup.
 *
 * @param now Unix milliseconds
 * @throws HomeError `io`
 */
export const takeClientNumber = async (home: Home, now: number = Date.now()): Promise<number> => {
  try {
    return await withFileLock(home.clientSequence, () => {
      const last = lastNumber(home.clientSequence);
      const number = Math.max(last + 1, now * sequencesPerMillisecond);
      writeFileDurably(home.clientSequence, `${number}\n`, 0o600);
      return number;
    });
  } catch (cause) {
    throw new HomeError("io", `no number can be noted in ${home.clientSequence}: ${(cause as Error).message}`, undefined, { cause });
  }
};
