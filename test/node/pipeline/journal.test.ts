import { describe, expect, it } from "vitest";
import { createJournal } from "../../../src/node/pipeline/journal.ts";
import { put } from "../../../src/node/data/records.ts";
import { StoreError } from "../../../src/storage/port.ts";
import { createManualDisk } from "../support.ts";

const key = (name: string): Uint8Array => new TextEncoder().encode(name);
const operation = (name: string) => put(key(name), key(name));

const createJournalOn = (disk = createManualDisk()) => {
  const failures: StoreError[] = [];
  const stats = { writes: 0, operations: 0 };
  const journal = createJournal(disk.store, (error) => void failures.push(error), stats);
  const done: string[] = [];
  return { disk, journal, failures, stats, done, say: (what: string) => journal.after(() => void done.push(what)) };
};

describe("the journal", () => {
  it("does what depends on nothing at once", () => {
    const { journal, done, say } = createJournalOn();
    say("hello");
    journal.flush();
    expect(done).toEqual(["hello"]);
    expect(journal.pending).toBe(0);
  });

  it("says nothing before what it promises is durable", () => {
    const { disk, journal, done, say } = createJournalOn();
    journal.save([operation("vote")]);
    say("vote");
    journal.flush();
    expect(done).toEqual([]);
    expect(disk.store.get(key("vote"))).toBeUndefined();
    disk.finish();
    expect(done).toEqual(["vote"]);
    expect(disk.store.get(key("vote"))).toBeDefined();
  });

  it("asks for what survives a power failure, every time", () => {
    const disk = createManualDisk();
    const durable: boolean[] = [];
    const store: Pick<typeof disk.store, "write"> = {
      write(operations, options, done) {
        durable.push(options.durable);
        disk.store.write(operations, options, done);
      },
    };
    const journal = createJournal(store, () => undefined);
    for (const name of ["a", "b"]) {
      journal.save([operation(name)]);
      journal.flush();
      disk.finish();
    }
    expect(durable).toEqual([true, true]);
  });

  it("keeps the order: what needs no write still waits for what came before it", () => {
    const { disk, journal, done, say } = createJournalOn();
    journal.save([operation("a")]);
    say("a");
    journal.flush();
    say("b");
    journal.flush();
    expect(done).toEqual([]);
    disk.finish();
    expect(done).toEqual(["a", "b"]);
  });

  it("writes everything that gathered while the disk was busy in one go", () => {
    const { disk, journal, stats, done, say } = createJournalOn();
    journal.save([operation("first")]);
    journal.flush();
    for (const name of ["a", "b", "c"]) {
      journal.save([operation(name)]);
      say(name);
      journal.flush();
    }
    expect(stats.writes).toBe(1);
    disk.finish();
    expect(stats).toEqual({ writes: 2, operations: 4 });
    expect(done).toEqual(["a", "b", "c"]);
  });

  it("takes up what its own actions save", () => {
    const { disk, journal, done, say } = createJournalOn();
    journal.save([operation("a")]);
    journal.after(() => {
      journal.save([operation("b")]);
      say("b");
      journal.flush();
    });
    say("a");
    journal.flush();
    disk.finish();
    expect(done).toEqual(["a", "b"]);
    expect(disk.store.get(key("b"))).toBeDefined();
  });

  it("falls silent for good when the disk fails", () => {
    const disk = createManualDisk({ fail: () => new StoreError("io", "the disk is gone") });
    const { journal, failures, done, say } = createJournalOn(disk);
    journal.save([operation("a")]);
    say("a");
    journal.flush();
    disk.finish();
    say("later");
    journal.save([operation("b")]);
    journal.flush();
    disk.finish();
    expect(done).toEqual([]);
    expect(failures).toHaveLength(1);
  });
});
