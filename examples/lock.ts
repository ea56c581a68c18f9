/**
 * A lock service on compare-and-set, with leases by ledger time.
 *
 *   byz testnet up --detach
 *   node examples/lock.ts .byz-testnet/node-0/genesis.json http://127.0.0.1:27657 http://127.0.0.1:27659
 *
 * A lock is one key. Its value says who holds it and until when, in ledger time: the clock that the ledger itself keeps, the same for everybody and never
 * going back. Nobody's own clock decides anything. Who takes a lock writes it on condition that it still has the version he read: of two who try, one wins.
 *
 * The ledger position of that write is the lease's *token*. Tokens only grow: whoever guards a resource outside of the ledger refuses a token lower than
 * one that it has seen, so that a holder who slept through the end of his lease can do no harm. Inside the ledger, make each write a transaction that
 * compares the lock's version: it fails once the lock is somebody else's.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Client, ClientError, createClient, kv, loadGenesis } from "byzantine-coordinator/client";

interface Holding {
  readonly owner: string;
  /** ledger time, Unix milliseconds; 0: released */
  readonly until: number;
}

interface Lease {
  readonly token: number;
  readonly until: number;
  /** of the lock's key, for transactions that must not happen without the lock */
  readonly version: number;
}

const createLock = (client: Client, name: string, owner: string) => {
  const key = `lock/${name}`;

  /** The lock and the ledger's time at one and the same place. */
  const look = async (): Promise<{ readonly holding?: Holding; readonly version: number; readonly now: number }> => {
    const { results } = await client.submit([kv.get(key), kv.time()]);
    const [read, time] = results;
    if (read?.type !== "get" || time?.type !== "time") throw new Error("the ledger answered something else");
    if (read.entry === undefined) return { version: 0, now: time.timestamp };
    const holding = JSON.parse(new TextDecoder().decode(read.entry.value)) as Holding;
    return { holding, version: read.entry.version, now: time.timestamp };
  };

  const write = async (holding: Holding, ifVersion: number): Promise<Lease | undefined> => {
    try {
      const { sequence, version } = await client.put(key, JSON.stringify(holding), { ifVersion });
      return { token: sequence, version, until: holding.until };
    } catch (error) {
      if (error instanceof ClientError && error.code === "version_conflict") return undefined; // somebody was faster
      throw error;
    }
  };

  return {
    /** Undefined while somebody else holds it. */
    async acquire(leaseMs: number): Promise<Lease | undefined> {
      const { holding, version, now } = await look();
      if (holding !== undefined && holding.owner !== owner && holding.until > now) return undefined;
      return write({ owner, until: now + leaseMs }, version);
    },
    /** A longer lease, or undefined when it was lost meanwhile. */
    async renew(lease: Lease, leaseMs: number): Promise<Lease | undefined> {
      const { now } = await look();
      return write({ owner, until: now + leaseMs }, lease.version);
    },
    /** The key stays, so that its version goes on counting. */
    async release(lease: Lease): Promise<void> {
      await write({ owner, until: 0 }, lease.version);
    },
  };
};

const [genesisFile, ...urls] = process.argv.slice(2);
if (genesisFile === undefined || urls.length === 0) throw new Error("usage: node lock.ts GENESIS URL...");
const genesis = loadGenesis(genesisFile);
/** long beside what a few requests take on a busy machine */
const leaseMs = 3_000;
// a key each, as two processes would have
const alice = createClient({ genesis, urls });
const name = `printer-${process.pid}`;
const aliceLock = createLock(alice, name, "alice");
const bobLock = createLock(createClient({ genesis, urls }), name, "bob");

const first = await aliceLock.acquire(leaseMs);
if (first === undefined) throw new Error("alice does not get a free lock");
console.log(`alice has the lock, token ${first.token}`);
console.log("bob gets it:", (await bobLock.acquire(leaseMs)) !== undefined);

// alice falls asleep; nobody releases anything
let second = await bobLock.acquire(leaseMs);
while (second === undefined) {
  await delay(100);
  second = await bobLock.acquire(leaseMs);
}
console.log(`bob has the lock once the lease is over, with a higher token: ${second.token > first.token}`);
console.log("alice can renew:", (await aliceLock.renew(first, leaseMs)) !== undefined);

const guarded = await alice.txn({
  compare: [kv.hasVersion(`lock/${name}`, first.version)],
  success: [kv.put("printed", "by alice")],
  failure: [],
});
console.log("alice, late, writes under the lock she lost:", guarded.succeeded);
await bobLock.release(second);
console.log("alice gets it after bob's release:", (await aliceLock.acquire(leaseMs)) !== undefined);
