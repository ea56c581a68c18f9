/** One node of a world: the shell around a replica, keeping the contract of `effect.ts` as badly as the contract allows. */
import type { ReplicaConfig } from "../../../src/consensus/config.ts";
import type { Effect, UnsignedMessage } from "../../../src/consensus/effect.ts";
import type { Input } from "../../../src/consensus/input.ts";
import { createReplica, type Replica } from "../../../src/consensus/replica.ts";
import type { Digest, ReplicaIndex } from "../../../src/protocol/ids.ts";
import { limits } from "../../../src/protocol/limits.ts";
import type {
  Batch,
  CertifiedBatch,
  CommitCertificate,
  NewView,
  PrePrepare,
  Request,
  Signed,
  SignedNewView,
  Verified,
  ViewChange,
} from "../../../src/protocol/messages.ts";
import { createDisk, type Disk, type Roots } from "./disk.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { Judge } from "./judge.ts";
import type { Links } from "./links.ts";
import type { Notary } from "./notary.ts";
import type { Packet } from "./packets.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import type { Verifier } from "./verify.ts";

export interface NodeTimes {
  readonly flushMs: number;
  readonly executeMs: number;
  readonly heartbeatMs: number;
  /** how long until a cut or healed link is noticed, at most */
  readonly noticeMs: number;
}

/** A liar is an honest node behind a wrapper on what it sends. */
export interface Behaviour {
  readonly name: string;
  /** What really goes to `to` in place of `packet`. */
  outgoing?(packet: Packet, to: ReplicaIndex): readonly Packet[];
  /** With every heartbeat: lies that need no occasion. */
  unprompted?(to: ReplicaIndex): readonly Packet[];
}

export interface Surroundings {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly notary: Notary;
  readonly verifier: Verifier;
  readonly links: Links;
  readonly judge: Judge;
  readonly genesis: Parameters<typeof createDisk>[0];
  readonly times: NodeTimes;
  /** offset of this node's wall clock */
  readonly clockMs: number;
  log(line: () => string): void;
}

export interface WorldNode {
  readonly index: ReplicaIndex;
  readonly replica: Replica;
  readonly disk: Disk;
  readonly isUp: boolean;
  behaviour: Behaviour | undefined;
  start(): void;
  crash(): void;
  /** Its data is lost; its key is not. */
  loseData(): void;
  receive(from: ReplicaIndex, packet: Packet): void;
  submit(request: Verified<Request>): void;
  links(): void;
  hasExecuted(id: Digest): boolean;
  /** Feeds an input by hand. */
  input(input: Input): void;
  readonly refused: ReadonlySet<Digest>;
}

/** Wall clock at virtual time 0, Unix milliseconds. */
export const EPOCH_MS = 1_700_000_000_000;

export const createNode = (config: ReplicaConfig & { readonly self: ReplicaIndex }, around: Surroundings): WorldNode => {
  const { self, committee } = config;
  const { schedule, random, notary, verifier, links, judge } = around;
  const interval = config.parameters.checkpointInterval;
  const others = committee.validators.map(({ index }) => index).filter((index) => index !== self);
  let disk = createDisk(around.genesis, true);
  let journal: Journal;
  let replica = createReplica(config, disk.restore(interval));
  let life = 0;
  let up = false;
  let tickAt = Number.POSITIVE_INFINITY;
  let ticksNow = 0;
  let lastTick = -1;
  let ledger: { executed: number; roots: Roots };
  const executionQueue: { certificate: CommitCertificate; batch: Batch }[] = [];
  let executionBusy = false;
  const executedRequests = new Set<Digest>();
  const refused = new Set<Digest>();

  /** Runs `act` unless this life has ended by then. */
  const inThisLife = (act: () => void): (() => void) => {
    const born = life;
    return () => {
      if (up && life === born) act();
    };
  };

  const step = (input: Input): void => {
    const now = schedule.now;
    around.log(() => `${now.toFixed(1)} #${self} ← ${describeInput(input)}`);
    const effects = replica.step(input, { now, wall: EPOCH_MS + now + around.clockMs });
    for (const effect of effects) perform(effect);
    judge.afterStep(node);
    const due = replica.deadline();
    if (due !== undefined && due < tickAt) {
      tickAt = Math.max(due, now);
      const planned = tickAt;
      schedule.at(
        planned,
        inThisLife(() => {
          if (tickAt !== planned) return;
          tickAt = Number.POSITIVE_INFINITY;
          ticksNow = lastTick === planned ? ticksNow + 1 : 0;
          lastTick = planned;
          if (ticksNow > 100) judge.violation("total", `#${self} asks for ticks without end at ${planned}`);
          step({ type: "tick" });
        }),
      );
    }
  };

  const transmit = (to: ReplicaIndex, packet: Packet): void => {
    for (const sent of node.behaviour?.outgoing?.(packet, to) ?? [packet]) links.direct(self, to, sent);
  };
  const transmitAll = (packet: Packet): void => {
    for (const to of others) transmit(to, packet);
  };
  const signedBy = <M extends UnsignedMessage>(message: M): Signed<M> => ({ message, signature: notary.sign(self, message) });
  const home = (input: Input): void =>
    schedule.after(
      random.between(0, 1),
      inThisLife(() => step(input)),
    );

  const signNewView = (message: NewView): SignedNewView => ({
    ...signedBy(message),
    proposalSignatures: message.proposals.map(({ sequence, digest }) =>
      notary.sign(self, { kind: "pre-prepare", epoch: message.epoch, view: message.view, sequence, digest, replica: self }),
    ),
  });

  const announce = (message: ViewChange | NewView): void => {
    if (message.kind === "view-change") {
      const signed = signedBy(message);
      journal.append({ type: "own-view-change", signed });
      journal.whenDurable(() => {
        judge.said(node, message);
        transmitAll({ type: "signed", signed });
        home({ type: "view-change", signed: signed as Verified<typeof signed> });
      });
    } else {
      const signed = signNewView(message);
      journal.append({ type: "own-new-view", signed });
      journal.whenDurable(() => {
        judge.said(node, message);
        transmitAll({ type: "new-view", signed });
        home({ type: "new-view", signed: signed as Verified<typeof signed> });
      });
    }
  };

  const propose = (message: PrePrepare, batch: Batch): void => {
    const signed = signedBy(message);
    journal.whenDurable(() => {
      judge.said(node, message);
      const packet: Packet = { type: "proposal", signed, batch };
      if (node.behaviour?.outgoing === undefined) links.gossip(self, packet);
      else transmitAll(packet);
      home({ type: "pre-prepare", signed: signed as Verified<typeof signed>, batch: batch as Verified<Batch> });
    });
  };

  const broadcast = (message: Extract<Effect, { type: "broadcast" }>["message"]): void => {
    const signed = signedBy(message);
    journal.whenDurable(() => {
      judge.said(node, message);
      transmitAll({ type: "signed", signed });
      home({ type: message.kind, signed } as unknown as Input);
    });
  };

  const execute = (certificate: CommitCertificate, batch: Batch): void => {
    executionQueue.push({ certificate, batch });
    runNext();
  };
  const runNext = (): void => {
    if (executionBusy) return;
    const next = executionQueue.shift();
    if (next === undefined) return;
    executionBusy = true;
    schedule.after(
      random.exponential(around.times.executeMs),
      inThisLife(() => {
        const { certificate, batch } = next;
        const fresh = batch.requests.filter((request) => !executedRequests.has(request.id));
        for (const request of fresh) executedRequests.add(request.id);
        const stateRoot = notary.hash(`state|${ledger.roots.stateRoot}|${fresh.map((request) => request.id).join(",")}`);
        const logHash = notary.hash(`log|${ledger.roots.logHash}|${batch.digest}`);
        ledger = { executed: ledger.executed + 1, roots: { stateRoot, logHash } };
        judge.executed(self, certificate, batch, ledger.executed, ledger.roots);
        journal.append({ type: "block", block: { certificate, batch }, roots: ledger.roots });
        const { sequence } = certificate;
        journal.whenDurable(() =>
          schedule.after(
            0,
            inThisLife(() => step({ type: "executed", sequence, stateRoot, logHash })),
          ),
        );
        executionBusy = false;
        runNext();
      }),
    );
  };

  const repeat = ({ to, message }: Extract<Effect, { type: "repeat" }>): void => {
    for (const peer of to) {
      if (message.kind === "signed-proposal") transmit(peer, { type: "proposal", signed: message.signed, batch: message.batch });
      else if (message.kind === "signed-new-view") transmit(peer, { type: "new-view", signed: message.signed });
      else transmit(peer, { type: "signed", signed: message.signed });
    }
  };

  /** Its own store first, then each in turn until the batch is here or this has been tried everywhere once. */
  const fetchBatch = (digest: Digest, from: readonly ReplicaIndex[]): void => {
    const own = disk.batch(digest);
    if (own !== undefined)
      return schedule.after(
        0,
        inThisLife(() => step({ type: "batch", batch: own as Verified<Batch> })),
      );
    from.slice(0, 3).forEach((peer, index) =>
      schedule.after(
        index * 50,
        inThisLife(() => transmit(peer, { type: "fetch-batch", digest })),
      ),
    );
  };

  const perform = (effect: Effect): void => {
    judge.effect(node, effect);
    switch (effect.type) {
      case "save":
        return journal.append(effect.record);
      case "broadcast":
        return broadcast(effect.message);
      case "announce":
        return announce(effect.message);
      case "propose":
        return propose(effect.message, effect.batch);
      case "repeat":
        return repeat(effect);
      case "relay":
        return effect.to.forEach((to) => transmit(to, { type: "relay", requests: effect.requests }));
      case "fetch-batch":
        return fetchBatch(effect.digest, effect.from);
      case "fetch-blocks":
        return transmit(effect.peer, { type: "fetch-blocks", from: effect.from, to: effect.to });
      case "send-stable":
        return transmit(effect.to, { type: "stable", certificate: effect.certificate });
      case "send-status":
        return transmitAll({ type: "status", status: replica.status() });
      case "execute":
        return execute(effect.certificate, effect.batch);
      // nobody lets history go in this world, and no state is wrong
      case "compare-checkpoints":
      case "begin-transfer":
      case "fetch-state":
      case "transfer-fault":
      case "state-diverged":
        return undefined;
      case "refuse-request":
        refused.add(effect.id);
        return undefined;
      case "evidence":
      case "reject":
      case "halt":
        return undefined;
    }
  };

  const heartbeat = (): void => {
    for (const to of others) {
      transmit(to, { type: "status", status: replica.status() });
      for (const packet of node.behaviour?.unprompted?.(to) ?? []) links.direct(self, to, packet);
    }
    schedule.after(around.times.heartbeatMs, inThisLife(heartbeat));
  };

  const noticeLinks = (): void => {
    const peers = others.filter((peer) => links.isUp(self, peer) && links.isUp(peer, self));
    step({ type: "reachable", peers });
  };

  const receiveSigned = ({ signed }: Extract<Packet, { type: "signed" }>): void => {
    const { message } = signed;
    if (message.kind === "view-change") {
      if (verifier.viewChange(signed as Signed<ViewChange>)) step({ type: "view-change", signed: signed as Verified<Signed<ViewChange>> });
      return;
    }
    if (!verifier.signed(signed)) return;
    if (message.kind === "prepare" && !replica.knowsProposal(message)) {
      const prepare = signed as Signed<typeof message>;
      if (!verifier.carriedProposal(prepare)) return;
      const { epoch, view, sequence, digest, proposalSignature } = message;
      const leader = (view % committee.n) as ReplicaIndex;
      const proposal = {
        message: { kind: "pre-prepare", epoch, view, sequence, digest, replica: leader },
        signature: proposalSignature,
      } as const;
      step({ type: "pre-prepare", signed: proposal as unknown as Verified<Signed<PrePrepare>> });
    }
    step({ type: message.kind, signed } as unknown as Input);
  };

  const receiveProposal = ({ signed, batch }: Extract<Packet, { type: "proposal" }>): void => {
    if (!verifier.signed(signed) || batch.digest !== signed.message.digest || !notary.isBatch(batch)) return;
    const ids = new Set(batch.requests.map((request) => request.id));
    const verified = signed as Verified<Signed<PrePrepare>>;
    if (ids.size !== batch.requests.length) step({ type: "invalid-batch", signed: verified, batch, reason: "duplicate-request" });
    else if (ids.size === 0 && batch.digest !== config.emptyBatch.digest)
      step({ type: "invalid-batch", signed: verified, batch, reason: "empty" });
    else step({ type: "pre-prepare", signed: verified, batch: batch as Verified<Batch> });
  };

  const receive = (from: ReplicaIndex, packet: Packet): void => {
    switch (packet.type) {
      case "proposal":
        return receiveProposal(packet);
      case "signed":
        return receiveSigned(packet);
      case "new-view":
        if (verifier.newView(packet.signed)) step({ type: "new-view", signed: packet.signed as Verified<SignedNewView> });
        return;
      case "relay":
        for (const request of packet.requests) step({ type: "request", request: request as Verified<Request>, local: false, from });
        return;
      case "fetch-batch": {
        const batch = disk.batch(packet.digest);
        if (batch !== undefined) transmit(from, { type: "batch", batch });
        return;
      }
      case "batch":
        if (notary.isBatch(packet.batch)) step({ type: "batch", batch: packet.batch as Verified<Batch> });
        return;
      case "fetch-blocks": {
        const blocks = disk.blocks(packet.from, packet.to, Math.min(limits.maxBlocksPerAnswer, 1 + random.int(16)));
        if (blocks.length > 0) transmit(from, { type: "blocks", blocks });
        return;
      }
      case "blocks":
        if (!packet.blocks.every(verifier.block)) return;
        return step({ type: "blocks", blocks: packet.blocks as readonly Verified<CertifiedBatch>[], from });
      case "stable":
        if (!verifier.stable(packet.certificate)) return;
        return step({ type: "stable-checkpoint", certificate: packet.certificate as Verified<typeof packet.certificate> });
      case "status":
        return step({ type: "status", status: packet.status, from });
    }
  };

  const start = (): void => {
    if (up) return;
    up = true;
    life += 1;
    const restored = disk.restore(interval);
    replica = createReplica(config, restored);
    const born = createJournal(disk, schedule, random, () => random.exponential(around.times.flushMs));
    journal = born;
    ledger = { executed: disk.executed, roots: disk.roots(disk.executed) };
    executionQueue.length = 0;
    executionBusy = false;
    executedRequests.clear();
    for (const id of restored.executedRequests) executedRequests.add(id);
    tickAt = Number.POSITIVE_INFINITY;
    judge.born(self, restored);
    step({ type: "start" });
    noticeLinks();
    schedule.after(random.between(0, around.times.heartbeatMs), inThisLife(heartbeat));
  };

  const crash = (): void => {
    if (!up) return;
    up = false;
    journal.crash();
  };

  const node: WorldNode = {
    index: self,
    get replica() {
      return replica;
    },
    get disk() {
      return disk;
    },
    get isUp() {
      return up;
    },
    behaviour: undefined,
    start,
    crash,
    loseData() {
      crash();
      disk = createDisk(around.genesis, false);
    },
    receive(from, packet) {
      if (up) receive(from, packet);
    },
    submit: (request) => step({ type: "request", request, local: true }),
    links: () => schedule.after(random.between(0, around.times.noticeMs), inThisLife(noticeLinks)),
    hasExecuted: (id) => executedRequests.has(id),
    input: step,
    refused,
  };
  return node;
};

const describeInput = (input: Input): string => {
  if ("signed" in input) {
    const { message } = input.signed;
    const where = "sequence" in message ? `v${"view" in message ? message.view : "-"} s${message.sequence}` : `v${message.view}`;
    return `${input.type} of #${message.replica} ${where}${"digest" in message ? ` ${message.digest.slice(-4)}` : ""}`;
  }
  if (input.type === "status") {
    const { view, active, demand, executed, stable } = input.status;
    return `status of #${input.from} v${view}${active ? "" : " inactive"} demand ${demand} executed ${executed} stable ${stable}`;
  }
  if (input.type === "blocks")
    return `blocks of #${input.from} ${input.blocks[0]?.certificate.sequence}..${input.blocks.at(-1)?.certificate.sequence}`;
  if (input.type === "executed") return `executed ${input.sequence}`;
  if (input.type === "reachable") return `reachable ${input.peers.join(",")}`;
  if (input.type === "request") return `request ${input.request.id.slice(-4)}${input.local ? " local" : ""}`;
  return input.type;
};
