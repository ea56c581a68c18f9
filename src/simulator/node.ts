/** One node of a simulated universe: the production node between virtual ports, its lives and deaths. */
import type { ReplicaSettings } from "../consensus/config.ts";
import type { Effect, HaltReason } from "../consensus/effect.ts";
import type { Input } from "../consensus/input.ts";
import type { Replica } from "../consensus/replica.ts";
import { createKeyValueStore } from "../ledger/kv/application.ts";
import type { Committee } from "../protocol/committee.ts";
import type { Digest, ReplicaIndex } from "../protocol/ids.ts";
import type { Parameters } from "../protocol/limits.ts";
import { type Assembly, assembleNode } from "../node/assemble.ts";
import type { Clock } from "../node/clock.ts";
import type { Identity } from "../node/home/identity.ts";
import { type NodeData, openDataIn } from "../node/data/node-data.ts";
import { found, isFounded } from "../node/data/recovery.ts";
import { RecordError } from "../node/data/records.ts";
import type { SignatureRule } from "../documents/operation.ts";
import type { Sharing } from "../node/sharing/sharing.ts";
import type { Network } from "../network/port.ts";
import { LedgerError } from "../ledger/errors.ts";
import type { KeyPair } from "../signing/keys.ts";
import type { VerificationPool } from "../signing/pool.ts";
import { StoreError } from "../storage/port.ts";
import type { FrameDecoders } from "../wire/frames.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import type { PowerCuts } from "./boundaries.ts";
import { createSimulatedClock, type SimulatedClock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Links } from "./links.ts";
import { type OpenedDocuments, openDocuments } from "./sharing.ts";
import { createProcess, type SimulatedProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

/** What the nodes of a universe have in common. */
export interface Universe {
  readonly schedule: Schedule;
  readonly links: Links;
  readonly genesisHash: Digest;
  readonly committee: Committee;
  readonly signBytes: SignBytes;
  readonly decoders: FrameDecoders;
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  readonly heartbeatMs: number;
  readonly answerTimeoutMs: number;
  readonly retain: number;
  /** what decides about signatures, where nodes keep shared documents; absent where they do not */
  readonly documents?: SignatureRule;
  readonly key: (name: string) => KeyPair;
  /** where signatures are checked for one process */
  readonly poolFor: (process: SimulatedProcess) => VerificationPool;
  /** promises may be waiting for what just happened */
  readonly promised: () => void;
}

/** Those who look on. */
export interface NodeWatch {
  /** after each step of the replica, before its effects are carried out */
  readonly stepped: (node: SimulatedNode, input: Input, effects: readonly Effect[], replica: Replica) => void;
  readonly started: (node: SimulatedNode, data: NodeData) => void;
  readonly halted: (node: SimulatedNode, reason: HaltReason, detail: string) => void;
  readonly threw: (node: SimulatedNode, error: unknown) => void;
  /** it does not run any more: power cut, failed store, damaged data */
  readonly died: (node: SimulatedNode, why: DeathReason) => void;
}

export type DeathReason = "power-cut" | "power-cut-in-turn" | "store-failed" | "data-damaged";

/** What makes a node lie: a wrapper around its network. */
export type Disguise = (network: Network, clock: Clock, self: ReplicaIndex) => Network;

export interface NodeInit {
  readonly index: ReplicaIndex;
  readonly endpoint: number;
  /** its disk, given what a call into it is preceded by and how its work comes back */
  readonly disk: (later: (microseconds: number, run: () => void) => void, boundary: () => void) => Disk;
  readonly disguise?: Disguise;
  /** where its power is cut, besides by faults */
  readonly powerCuts?: PowerCuts;
  readonly watch: NodeWatch;
}

export interface SimulatedNode {
  readonly index: ReplicaIndex;
  readonly endpoint: number;
  /** obeys the protocol, as far as it is known */
  readonly honest: boolean;
  readonly clock: SimulatedClock;
  readonly disk: Disk;
  /** what runs once the data is open */
  readonly assembly: Assembly | undefined;
  readonly data: NodeData | undefined;
  readonly sharing: Sharing | undefined;
  /** there, perhaps still opening its data */
  readonly process: SimulatedProcess | undefined;
  /** of its lives, the present or last one; the first is 1 */
  readonly life: number;
  /** Does nothing while it runs. */
  start(): void;
  /** cuts the power; `lossy`: what was on its way from here is lost too */
  crash(lossy: boolean): void;
  /** the disk is replaced by an empty one: from now on the key comes without its data */
  wipe(): void;
}

const TICK_US = 100_000;
/** small: what a universe signs in a few windows */
const SEEN_ENTRIES = 4096;

/** Damaged data, told apart from a fault of the node: everything else that opening throws is one. */
const isDamage = (error: unknown): boolean =>
  (error instanceof StoreError && error.code === "corrupt") || error instanceof RecordError || error instanceof LedgerError;

const identityOf = (universe: Universe, index: ReplicaIndex): Identity => ({
  nodeKey: universe.key(`node ${index}`),
  gatewayKey: universe.key(`gateway ${index}`),
  committee: universe.committee,
  self: index,
  validatorKey: universe.key(`validator ${index}`),
  signBytes: universe.signBytes,
  application: createKeyValueStore(),
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A node that was never started. */
export const createSimulatedNode = (universe: Universe, init: NodeInit): SimulatedNode => {
  const { schedule, links } = universe;
  const { index, endpoint, watch } = init;
  const clock = createSimulatedClock(schedule);
  const identity = identityOf(universe, index);
  let bornHere = true;

  const disk = init.disk(
    (microseconds, run) => {
      const owner = node.process;
      schedule.after(microseconds, () => owner?.run(run));
    },
    () => node.process?.boundary(),
  );

  const die = (why: DeathReason, lossy: boolean): void => {
    if (node.process === undefined) return;
    node.process.kill();
    node.process = undefined;
    node.assembly?.engine.stop();
    void node.sharing?.stop();
    node.assembly = undefined;
    node.data = undefined;
    node.sharing = undefined;
    links.detach(endpoint, lossy);
    disk.crash();
    watch.died(node, why);
  };

  const storeFailed = (owner: SimulatedProcess) => (): void =>
    void schedule.after(0, () => node.process === owner && die("store-failed", false));

  const tick = (owner: SimulatedProcess, running: Assembly): void => {
    running.tick();
    schedule.after(TICK_US, () => owner.run(() => node.assembly !== undefined && tick(owner, node.assembly)));
  };

  const become = (owner: SimulatedProcess, opened: NodeData, documents: OpenedDocuments | undefined): void => {
    const ports = clock.portsFor(owner.run, owner.boundary);
    const attached = links.attach(endpoint, owner);
    const network = init.disguise?.(attached, ports, index) ?? attached;
    node.data = opened;
    documents?.attach(network);
    node.sharing = documents?.sharing;
    const own: Assembly = assembleNode({
      identity,
      parameters: universe.parameters,
      settings: universe.settings,
      data: opened,
      network,
      pool: universe.poolFor(owner),
      decoders: universe.decoders,
      seenEntries: SEEN_ENTRIES,
      seenSalt: new Uint8Array(16),
      clock: ports,
      defer: (callback) => void schedule.after(0, () => owner.run(callback)),
      soon: (callback) => void schedule.after(0, () => owner.run(callback)),
      heartbeatMs: universe.heartbeatMs,
      answerTimeoutMs: universe.answerTimeoutMs,
      observe: (input, effects, replica) => watch.stepped(node, input, effects, replica),
      ...(documents === undefined ? {} : { sharing: documents.sharing }),
      halted: (reason, detail) => watch.halted(node, reason, detail),
      storeFailed: storeFailed(owner),
    });
    node.assembly = own;
    watch.started(node, opened);
    // what a liar's own start throws, a cut of the power above all, is of this process like the rest
    network.start(own.handlers).catch((error: unknown) =>
      owner.run(() => {
        throw error;
      }),
    );
    own.engine.start();
    tick(owner, own);
  };

  const open = async (owner: SimulatedProcess): Promise<void> => {
    try {
      const store = disk.open();
      if (!isFounded(store)) await found(store, universe.genesisHash, bornHere);
      const opened = await openDataIn(store, { ...universe, application: identity.application });
      bornHere = false;
      const documents =
        universe.documents &&
        (await openDocuments({
          store,
          identity,
          now: clock.now,
          isValid: universe.documents,
          promised: universe.promised,
          failed: storeFailed(owner),
        }));
      owner.run(() => become(owner, opened, documents));
    } catch (error) {
      if (node.process !== owner) return;
      if (isDamage(error)) die("data-damaged", false);
      else if (error instanceof StoreError) die("store-failed", false);
      else watch.threw(node, error);
    }
  };

  // no getters: where a factory makes many objects with them, each is slow at everything
  const node: Mutable<SimulatedNode> = {
    index,
    endpoint,
    honest: init.disguise === undefined,
    clock,
    disk,
    assembly: undefined,
    data: undefined,
    sharing: undefined,
    process: undefined,
    life: 0,
    start() {
      if (node.process !== undefined) return;
      node.life += 1;
      const own = createProcess({
        schedule,
        powerCut: () => die("power-cut-in-turn", true),
        threw: (error) => watch.threw(node, error),
        ran: () => undefined,
      });
      node.process = own;
      const calls = init.powerCuts?.(endpoint, node.life);
      if (calls !== undefined) own.cutPowerAfter(calls);
      universe.promised();
      void open(own);
    },
    crash: (lossy) => die("power-cut", lossy),
    wipe() {
      die("power-cut", true);
      disk.wipe();
      bornHere = false;
    },
  };
  return node;
};
