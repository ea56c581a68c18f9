/**
 * A small network for the replica's target: honest nodes as production assembles them, over memory and in virtual time, and one validator that is not a node
 * but a key and a wire. What the honest send it is kept, to be sent back damaged.
 */
import { culpritsOf } from "../../../src/protocol/evidence.ts";
import { defaultSettings } from "../../../src/consensus/config.ts";
import { createKeyValueStore } from "../../../src/ledger/kv/application.ts";
import { createMemoryHub } from "../../../src/network/memory.ts";
import type { Channel, Network } from "../../../src/network/port.ts";
import { assembleNode } from "../../../src/node/assemble.ts";
import type { Assembly } from "../../../src/node/assemble.ts";
import type { Clock } from "../../../src/node/clock.ts";
import { openDataIn } from "../../../src/node/data/node-data.ts";
import { found } from "../../../src/node/data/recovery.ts";
import type { PeerName } from "../../../src/protocol/ids.ts";
import { defaultParameters } from "../../../src/protocol/limits.ts";
import type { Parameters } from "../../../src/protocol/limits.ts";
import { createInlinePool } from "../../../src/signing/pool.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import type { MemoryStore } from "../../../src/storage/memory.ts";
import { createTestNetwork } from "../../signing/network.ts";
import type { TestNetwork } from "../../signing/network.ts";
import type { Random } from "../random.ts";

/** Unix milliseconds at which every universe begins. */
export const epochMs = 1_700_000_000_000;

/** Tasks in their order and timers by their time; nothing runs but through it. */
interface Turn {
  readonly clock: Clock;
  soon(task: () => void): void;
  /** Runs what is due within `ms`, and everything it causes. @throws Error when it never settles */
  advance(ms: number): Promise<void>;
}

/** tasks that one call of `advance` may run: far above what the honest need, so that a storm shows */
const maxTasks = 200_000;

const createTurn = (): Turn => {
  let time = 0;
  let number = 0;
  let ran = 0;
  const tasks: (() => void)[] = [];
  const timers = new Map<number, { readonly at: number; readonly callback: () => void }>();
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 4; quiet++) {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
        ran += 1;
        if (ran > maxTasks) throw new Error(`${maxTasks} tasks and no end`);
        task();
        quiet = 0;
      }
      // what ran may go on in a promise
      await Promise.resolve();
    }
  };
  return {
    clock: {
      now: () => time,
      wall: () => epochMs + time,
      after(delayMs, callback) {
        const own = number++;
        timers.set(own, { at: time + delayMs, callback });
        return () => void timers.delete(own);
      },
    },
    soon: (task) => void tasks.push(task),
    async advance(ms) {
      ran = 0;
      const until = time + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(([, { at }]) => at <= until).sort(([a, one], [b, other]) => one.at - other.at || a - b);
        if (next === undefined) break;
        const [own, { at, callback }] = next;
        timers.delete(own);
        time = Math.max(time, at);
        callback();
        await settle();
      }
      time = until;
    },
  };
};

/** Something a validator's wire carried. */
export interface Heard {
  readonly channel: Channel | "gossip";
  readonly bytes: Uint8Array;
}

export interface HonestNode {
  readonly index: number;
  readonly peer: PeerName;
  readonly assembly: Assembly;
  readonly store: MemoryStore;
}

export interface SmallNetwork {
  readonly names: TestNetwork;
  /** the validator that is only a key and a wire */
  readonly liar: number;
  readonly wire: Network;
  /** the latest that came to the liar, at most 400 */
  readonly heard: readonly Heard[];
  readonly honest: readonly HonestNode[];
  advance(ms: number): Promise<void>;
  /** @throws Error when an honest node halted, failed, blamed or accused an honest one, or two disagree */
  judge(): void;
  stop(): void;
}

/** of every node in such a network; a checkpoint comes every four sequences */
export const parameters: Parameters = { ...defaultParameters, checkpointInterval: 4 };
const maxHeard = 400;

/** Every validator runs but one. The parameters are those of the test network, checkpoints come every four sequences. */
export const createSmallNetwork = async (liar: number, random: Random): Promise<SmallNetwork> => {
  const names = createTestNetwork(4, "fuzz");
  const { committee } = names;
  const peers = committee.validators.map(({ peer }) => peer);
  const turn = createTurn();
  const hub = createMemoryHub({ schedule: (deliver) => turn.soon(deliver) });
  const heard: Heard[] = [];
  const complaints: string[] = [];
  const nameOf = (index: number): PeerName => peers[index] as PeerName;

  const wire = hub.createMemoryNetwork(nameOf(liar), peers);
  const hear = (channel: Heard["channel"], bytes: Uint8Array): void => {
    heard.push({ channel, bytes });
    if (heard.length > maxHeard) heard.splice(random.int(heard.length), 1);
  };

  const honest = await Promise.all(
    committee.validators
      .filter(({ index }) => index !== liar)
      .map(async ({ index, peer }) => {
        const store = createMemoryStore({ schedule: (task) => turn.soon(task) });
        const founded = found(store, names.trust.signBytes.genesisHash, true);
        await turn.advance(0);
        await founded;
        const application = createKeyValueStore();
        const genesisHash = names.trust.signBytes.genesisHash;
        const data = await openDataIn(store, { genesisHash, parameters, committee, application, retain: 0 });
        const network = hub.createMemoryNetwork(peer, peers);
        const validatorKey = names.keys[index];
        if (validatorKey === undefined) throw new RangeError(`no key ${index}`);
        const say = (text: string): void => void complaints.push(`validator ${index}: ${text}`);
        const assembly = assembleNode({
          identity: {
            nodeKey: validatorKey,
            gatewayKey: validatorKey,
            committee,
            self: index,
            validatorKey,
            signBytes: names.trust.signBytes,
            application,
          },
          parameters,
          settings: { ...defaultSettings, requestTimeoutFloorMs: 300 },
          data,
          network: {
            ...network,
            blame: (accused, reason) => {
              if (accused !== nameOf(liar)) say(`blames ${accused} for ${reason}`);
            },
          },
          pool: createInlinePool(),
          seenEntries: 1024,
          seenSalt: new Uint8Array(16),
          clock: turn.clock,
          defer: (callback) => turn.soon(callback),
          soon: (callback) => turn.soon(callback),
          heartbeatMs: 100,
          answerTimeoutMs: 10_000,
          observe: (_input, effects) => {
            for (const effect of effects) {
              const culprits = effect.type === "evidence" ? culpritsOf(effect.evidence) : [];
              if (culprits.some((culprit) => culprit !== liar)) say(`accuses ${culprits.join()}`);
            }
          },
          halted: (reason, detail) => say(`halts: ${reason}, ${detail}`),
          storeFailed: (error) => say(`its store failed: ${error.message}`),
        });
        return { index, peer, store, network, assembly };
      }),
  );
  await wire.start({
    onFrame: (_from, channel, frame) => hear(channel, frame),
    onGossip: (_from, data, verdict) => {
      hear("gossip", data);
      verdict("accept");
    },
    onPeer: () => undefined,
  });
  for (const { network, assembly } of honest) {
    await network.start(assembly.engine.handlers);
    assembly.engine.start();
  }

  const judge = (): void => {
    if (complaints.length > 0) throw new Error(complaints.slice(0, 5).join("; "));
    const logs = new Map<number, string>();
    for (const { index, assembly } of honest) {
      const { executed, logHash } = assembly.engine.replica.status();
      const other = logs.get(executed);
      if (other !== undefined && other !== logHash) throw new Error(`validator ${index} has another log at ${executed}`);
      logs.set(executed, logHash);
    }
  };

  return {
    names,
    liar,
    wire,
    heard,
    honest,
    advance: (ms) => turn.advance(ms),
    judge,
    stop: () => honest.forEach(({ assembly }) => assembly.engine.stop()),
  };
};
