/**
 * Group commit: what is appended becomes durable later, many records with one flush; what depends on a record waits for it. A crash keeps
 * the durable records and, as real disks do, some further ones in order.
 */
import type { Disk, DiskRecord } from "./disk.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface Journal {
  append(record: DiskRecord): void;
  /** Runs once everything appended so far is durable: at once if it is. Keeps the order of its calls. */
  whenDurable(act: () => void): void;
  crash(): void;
}

export const createJournal = (disk: Disk, schedule: Schedule, random: Random, flushMs: () => number): Journal => {
  const pending: DiskRecord[] = [];
  const waiting: { readonly after: number; readonly act: () => void }[] = [];
  let appended = 0;
  let durable = 0;
  let flushing = false;
  let crashed = false;

  const release = (): void => {
    while (!crashed && waiting[0] !== undefined && waiting[0].after <= durable) waiting.shift()?.act();
  };
  const flush = (): void => {
    if (flushing || pending.length === 0) return;
    flushing = true;
    const upTo = appended;
    schedule.after(flushMs(), () => {
      if (crashed) return;
      for (const record of pending.splice(0, upTo - durable)) disk.apply(record);
      durable = upTo;
      flushing = false;
      release();
      flush();
    });
  };
  return {
    append(record) {
      pending.push(record);
      appended += 1;
      flush();
    },
    whenDurable(act) {
      if (appended === durable && waiting.length === 0) act();
      else waiting.push({ after: appended, act });
    },
    crash() {
      crashed = true;
      for (const record of pending.splice(0, random.int(pending.length + 1))) disk.apply(record);
    },
  };
};
