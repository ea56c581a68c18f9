/** A lock between short-lived processes that change one small file. */
import { closeSync, openSync, rmSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Locks are held for milliseconds; one this old was left over by a crash. */
const leftOverMs = 5000;
const patienceMs = 2 * leftOverMs;
const retryMs = 5;

const isLeftOver = (lock: string): boolean => {
  try {
    return Date.now() - statSync(lock).mtimeMs > leftOverMs;
  } catch {
    return false;
  }
};

const acquire = async (lock: string): Promise<void> => {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      closeSync(openSync(lock, "wx", 0o600));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || performance.now() > deadline) throw error;
    }
    if (isLeftOver(lock)) rmSync(lock, { force: true });
    await delay(retryMs);
  }
};

/**
 * Does `work` while nobody else holds `path`.lock; waits up to 10 s for it.
 *
 * @throws Error of the file system, `EEXIST` when the lock stayed taken; whatever `work` throws
 */
export const withFileLock = async <T>(path: string, work: () => T): Promise<T> => {
  const lock = `${path}.lock`;
  await acquire(lock);
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
};
