/**
 * A simulated disk: writes take time, a power cut keeps some beginning of what was under way, a failed sync is the store's last word, and
 * damage is noticed when it is read, as a store with checksums notices it.
 */
import type { RangeOptions, Store, StoreEntry, StoreErrorCode, StoreOperation } from "../storage/port.ts";
import { StoreError } from "../storage/port.ts";
import { copyOf, toLatin1 } from "../wire/bytes.ts";
import type { Random } from "./random.ts";

export interface DiskOptions {
  readonly random: Random;
  /** runs when the disk is done, in the order of the calls; never after a power cut */
  readonly later: (microseconds: number, run: () => void) => void;
  /** mean of a durable write, virtual microseconds */
  readonly flushUs: number;
  /** promises may be waiting for what just happened */
  readonly promised: () => void;
  /** a call into the disk is about to happen: the moment for a power cut between two effects */
  readonly boundary: () => void;
}

export interface Disk {
  /** The store of one life; what an earlier life left open is closed. */
  open(): Store;
  /** Cuts the power: everything durable stays, of the rest some beginning. */
  crash(): void;
  /** Everything is gone. */
  wipe(): void;
  /** The next durable write fails for this reason, and with it the store. */
  failNext(code: Extract<StoreErrorCode, "full" | "io">): void;
  /** One record of many turns bad. False when there is none. */
  damage(): boolean;
  /** Keeps a copy of what is durable now, in place of an earlier one. */
  backUp(): void;
  readonly hasBackup: boolean;
  /** Puts the copy in place of everything; the power must be cut. */
  restoreBackup(): void;
  /** What a power cut at this moment could not take away. */
  durable(key: Uint8Array): Uint8Array | undefined;
  /** records */
  readonly size: number;
  /** groups of writes that power cuts took away: under way, or done and not synced */
  readonly torn: number;
}

interface Group {
  readonly changes: readonly Change[];
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

interface Change {
  readonly key: string;
  /** absent where the key is deleted */
  readonly value: Uint8Array | undefined;
}

const copied = (operation: StoreOperation): Change => ({
  key: toLatin1(operation.key),
  value: operation.type === "put" ? copyOf(operation.value) : undefined,
});

const within = (options: RangeOptions): ((key: string) => boolean) => {
  const [gte, gt, lt, lte] = [options.gte, options.gt, options.lt, options.lte].map((bound) =>
    bound === undefined ? undefined : toLatin1(bound),
  );
  return (key) =>
    (gte === undefined || key >= gte) &&
    (gt === undefined || key > gt) &&
    (lt === undefined || key < lt) &&
    (lte === undefined || key <= lte);
};

/** What lies on the disk, and how to undo what a power cut may still take away. */
const createMedium = () => {
  const values = new Map<string, Uint8Array>();
  /** what each key held before it was written without sync */
  const undo = new Map<string, Uint8Array | undefined>();
  const bad = new Set<string>();
  let unsynced: Group[] = [];

  const put = ({ key, value }: Change, remember: boolean): void => {
    if (remember && !undo.has(key)) undo.set(key, values.get(key));
    bad.delete(key);
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  };
  return {
    values,
    bad,
    durable: (key: string): Uint8Array | undefined => (undo.has(key) ? undo.get(key) : values.get(key)),
    /** what a power cut would leave */
    image(): ReadonlyMap<string, Uint8Array> {
      const image = new Map(values);
      for (const [key, value] of undo) {
        if (value === undefined) image.delete(key);
        else image.set(key, value);
      }
      return image;
    },
    apply(group: Group, synced: boolean): void {
      for (const change of group.changes) put(change, !synced);
      if (!synced) return void unsynced.push(group);
      undo.clear();
      unsynced = [];
    },
    /** @returns the groups that were not safe, in order */
    rollBack(): Group[] {
      for (const [key, value] of undo) {
        if (value === undefined) values.delete(key);
        else values.set(key, value);
      }
      undo.clear();
      const lost = unsynced;
      unsynced = [];
      return lost;
    },
    clear(): void {
      values.clear();
      undo.clear();
      bad.clear();
      unsynced = [];
    },
  };
};

/** An empty disk. */
export const createDisk = (options: DiskOptions): Disk => {
  const { random, later } = options;
  const medium = createMedium();
  let underWay: Group[] = [];
  let life = 0;
  let failure: "full" | "io" | undefined;
  let backup: ReadonlyMap<string, Uint8Array> | undefined;
  let torn = 0;

  const read = (key: string): Uint8Array | undefined => {
    if (medium.bad.has(key)) throw new StoreError("corrupt", "a record's checksum does not match");
    const value = medium.values.get(key);
    return value === undefined ? undefined : copyOf(value);
  };

  const createStore = (own: number): Store => {
    let broken: StoreError | undefined;
    let closed = false;
    const assertOpen = (): void => {
      if (closed || own !== life) throw new StoreError("closed", "the store is closed");
    };
    const finish = (group: Group, durable: boolean, done: (error?: StoreError) => void): void => {
      const place = underWay.indexOf(group);
      if (place !== -1) underWay.splice(place, 1);
      if (durable && failure !== undefined) {
        broken ??= new StoreError(failure, failure === "full" ? "no space left" : "the sync failed");
        // nobody knows what a failed sync left behind: a power cut decides
        if (failure === "io") medium.apply(group, false);
        failure = undefined;
      } else if (broken === undefined) medium.apply(group, durable);
      options.promised();
      done(broken);
    };
    return {
      get(key) {
        assertOpen();
        return read(toLatin1(key));
      },
      write(operations, { durable }, done) {
        options.boundary();
        if (closed || own !== life) return later(0, () => done(new StoreError("closed", "the store is closed")));
        const group = { changes: operations.map(copied) };
        underWay.push(group);
        later(durable ? options.flushUs / 4 + random.exponential(options.flushUs * 0.75) : 0, () => finish(group, durable, done));
      },
      range(bounds) {
        assertOpen();
        options.promised();
        const keys = [...medium.values.keys()].filter(within(bounds)).sort((a, b) => (a < b ? -1 : 1));
        if (bounds.reverse === true) keys.reverse();
        const view = (bounds.limit === undefined ? keys : keys.slice(0, bounds.limit)).map((key) => [key, medium.values.get(key)] as const);
        return (async function* (): AsyncGenerator<StoreEntry> {
          for (const [key, value] of view) {
            if (medium.bad.has(key)) throw new StoreError("corrupt", "a record's checksum does not match");
            if (value !== undefined) yield { key: bytesOf(key), value: new Uint8Array(value) };
          }
        })();
      },
      close() {
        closed = true;
        return Promise.resolve();
      },
    };
  };

  return {
    open() {
      life += 1;
      underWay = [];
      return createStore(life);
    },
    crash() {
      life += 1;
      failure = undefined;
      const pending = [...medium.rollBack(), ...underWay];
      underWay = [];
      const kept = random.int(pending.length + 1);
      torn += pending.length - kept;
      for (const group of pending.slice(0, kept)) medium.apply(group, true);
      // a torn group at the edge is dropped whole: its checksum shows it
    },
    wipe() {
      life += 1;
      underWay = [];
      failure = undefined;
      medium.clear();
    },
    failNext(code) {
      failure = code;
    },
    damage() {
      const keys = [...medium.values.keys()];
      if (keys.length === 0) return false;
      medium.bad.add(random.pick(keys));
      return true;
    },
    backUp() {
      backup = medium.image();
    },
    get hasBackup() {
      return backup !== undefined;
    },
    restoreBackup() {
      if (backup === undefined) return;
      medium.clear();
      for (const [key, value] of backup) medium.values.set(key, value);
    },
    durable: (key) => medium.durable(toLatin1(key)),
    get torn() {
      return torn;
    },
    get size() {
      return medium.values.size;
    },
  };
};
