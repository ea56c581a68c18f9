/** A universe: nodes, links, clients, faults and judges out of one seed, and the loop that moves its time. */
import { hash } from "node:crypto";
import type { PeerName, PublicKey, ReplicaIndex, Digest } from "../protocol/ids.ts";
import { toEpoch } from "../protocol/ids.ts";
import { createCommittee, type Committee } from "../protocol/committee.ts";
import { genesisLogHash } from "../wire/digests.ts";
import { emptyBatch } from "../wire/requests.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import type { VerificationPool } from "../signing/pool.ts";
import { createDisk } from "./disk.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createCourt, type Court } from "./judges/court.ts";
import type { Violation } from "./judges/violation.ts";
import { createLinks, type Links, type LinksOptions } from "./links.ts";
import { createRealNotary, createTokenNotary, type Notary } from "./notary.ts";
import { createSimulatedNode, type DeathReason, type Disguise, type SimulatedNode, type Universe } from "./node.ts";
import type { Plan } from "./plan.ts";
import type { SimulatedProcess } from "./process.ts";
import { createStreams, type Random } from "./random.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import { createTrace, type Trace } from "./trace.ts";
import { createWorkload, type Workload } from "./workload.ts";

export interface WorldOptions {
  readonly seed: bigint;
  readonly plan: Plan;
  /** real Ed25519 instead of tokens */
  readonly realSignatures?: boolean;
  /** events after which the run ends */
  readonly maxSteps: number;
  /** what a liar does; validators without one are honest */
  readonly disguiseOf?: (validator: number, kit: DisguiseKit) => Disguise | undefined;
  /** validators that run twice; the second copies have the endpoints from n on */
  readonly twins?: readonly number[];
  readonly filter?: LinksOptions["filter"];
}

export interface DisguiseKit {
  readonly committee: Committee;
  readonly notary: Notary;
  readonly signBytes: ReturnType<typeof createSignBytes>;
  readonly random: Random;
  readonly parameters: Plan["parameters"];
}

export interface World {
  readonly plan: Plan;
  readonly committee: Committee;
  readonly schedule: Schedule;
  readonly links: Links;
  readonly nodes: readonly SimulatedNode[];
  /** nodes whose words and deeds are judged */
  readonly honest: readonly SimulatedNode[];
  readonly court: Court;
  readonly workload: Workload;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly streams: ReturnType<typeof createStreams>;
  readonly violation: Violation | undefined;
  readonly steps: number;
  /** nodes that died restart by themselves unless they are in here */
  readonly gone: Set<SimulatedNode>;
  violate(invariant: string, detail: string): void;
  /** Moves time until then, until `done`, until an invariant is broken or the steps are used up. */
  run(untilUs: number, done?: () => boolean): Promise<void>;
}

const createMembers = (n: number, notary: Notary): Committee =>
  createCommittee(
    toEpoch(0),
    Array.from({ length: n }, (_, index) => ({
      index: index as ReplicaIndex,
      publicKey: notary.key(`validator ${index}`).publicKey as PublicKey,
      peer: `peer-${index}` as PeerName,
      moniker: `node ${index}`,
    })),
  );

/** Until everything that promises waited for has happened. */
const settlePromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Verdicts at once, or one job after another with the delays of a worker, not in the order of the calls. */
const createPools =
  (schedule: Schedule, notary: Notary, random: Random, meanUs: number) =>
  (process: SimulatedProcess): VerificationPool => ({
    verify(checks, _urgency, done) {
      const verdicts = checks.map((check) => notary.isValid(check));
      if (meanUs === 0) done(verdicts);
      else schedule.after(random.exponential(meanUs), () => process.run(() => done(verdicts)));
    },
    close: () => Promise.resolve(),
  });

const describeError = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? error.message)
        .split("\n")
        .slice(0, 6)
        .join(" | ")
        .replaceAll(/file:\S*\/src\//g, "src/")
    : String(error);

/** Nothing runs in it yet. */
export const createWorld = (options: WorldOptions): World => {
  const { plan, seed } = options;
  const streams = createStreams(seed);
  const schedule = createSchedule();
  const trace = createTrace();
  const notary = options.realSignatures === true ? createRealNotary(seed) : createTokenNotary(seed);
  const committee = createMembers(plan.n, notary);
  const genesisHash = hash("sha256", `byz simulator genesis ${seed}`, "hex") as Digest;
  const signBytes = createSignBytes(genesisHash);
  const owners = [...Array.from({ length: plan.n }, (_, index) => index), ...(options.twins ?? [])];
  const harmed = new Set<SimulatedNode>();
  const gone = new Set<SimulatedNode>();
  let violation: Violation | undefined;
  let promised = false;
  let steps = 0;

  const violate = (invariant: string, detail: string): void => {
    violation ??= { invariant, detail };
  };
  const isHonestValidator = (validator: number): boolean =>
    nodes.every((node) => node.index !== validator || (node.honest && !harmed.has(node))) && !(options.twins ?? []).includes(validator);
  const isJudged = (node: SimulatedNode): boolean => node.honest && !(options.twins ?? []).includes(node.index);

  const court = createCourt({
    committee,
    genesisHash,
    genesisLogHash: genesisLogHash(genesisHash),
    emptyDigest: emptyBatch.digest,
    notary,
    ...plan,
    isHonest: isHonestValidator,
    violate,
  });

  const links = createLinks(
    {
      schedule,
      latency: streams("latency"),
      loss: streams("loss"),
      peers: owners.map((owner) => `peer-${owner}` as PeerName),
      watch: {
        said(endpoint, channel, frame) {
          const node = nodes[endpoint];
          if (channel !== "sync" && node !== undefined && isJudged(node) && !harmed.has(node))
            court.words.said(node.index, node.disk, frame);
        },
        delivered: (from, to, frame) => trace.note(schedule.now, from * 64 + to, frame.length * 256 + (frame.at(-1) ?? 0)),
        blamed(endpoint, peer, reason) {
          const node = nodes[endpoint];
          if (node !== undefined && isJudged(node))
            court.blamed(
              node.index,
              committee.validators.findIndex((each) => each.peer === peer),
              reason,
            );
        },
      },
      ...(options.filter === undefined ? {} : { filter: options.filter }),
    },
    plan.quality,
  );

  const universe: Universe = {
    ...plan,
    schedule,
    links,
    genesisHash,
    committee,
    signBytes,
    key: (name) => notary.key(name),
    poolFor: createPools(schedule, notary, streams("verification"), plan.verificationUs),
    promised: () => {
      promised = true;
    },
  };

  /** A node that died comes back, as an operator or a supervisor would bring it. */
  const died = (node: SimulatedNode, why: DeathReason): void => {
    trace.noteText(why);
    if (why === "data-damaged") {
      if (!harmed.has(node)) return violate("recovery", `#${node.index} finds its data damaged, and nobody damaged it`);
      schedule.after(1, () => node.wipe());
    }
    schedule.after(streams("crash").exponential(plan.downUs), () => gone.has(node) || node.start());
  };

  const kit: DisguiseKit = { committee, notary, signBytes, random: streams("byzantine"), parameters: plan.parameters };
  const nodes: readonly SimulatedNode[] = owners.map((owner, endpoint) => {
    const disguise = options.disguiseOf?.(owner, kit);
    return createSimulatedNode(universe, {
      index: owner as ReplicaIndex,
      endpoint,
      disk: (later, boundary) =>
        createDisk({
          random: streams("storage"),
          later,
          boundary,
          flushUs: plan.flushUs,
          promised: universe.promised,
          tornChance: 0,
        }),
      ...(disguise === undefined ? {} : { disguise }),
      watch: {
        stepped(node, input, effects, replica) {
          trace.note(schedule.now, endpoint, input.type.length * 65_536 + effects.length);
          if (isJudged(node)) court.stepped(node, input, effects, replica);
        },
        started(node, data) {
          trace.note(schedule.now, endpoint, data.restored.executed);
          if (isJudged(node)) court.started(node, data);
        },
        halted: (node, reason) => trace.noteText(`${node.index} ${reason}`),
        threw(node, error) {
          // a node whose disk is damaged may find out at any read: its process ends, as in production
          if (harmed.has(node)) return node.crash(false);
          violate("no-throw", `#${node.index} throws: ${describeError(error)}`);
        },
        died,
      },
    });
  });

  const workload = createWorkload({
    schedule,
    random: streams("workload"),
    key: (name) => notary.key(name),
    signBytes,
    ...plan,
    judge: court.clients,
    isHonest: isJudged,
    nodes: () => nodes.filter((node) => node.assembly !== undefined && !gone.has(node)),
  });
  const faults = createFaults(
    { plan, schedule, links, nodes, harmed: (node) => harmed.add(node) },
    { crash: streams("crash"), partition: streams("partition"), storage: streams("storage"), clock: streams("clock") },
  );

  return {
    plan,
    committee,
    schedule,
    links,
    nodes,
    get honest() {
      return nodes.filter((node) => isJudged(node));
    },
    court,
    workload,
    faults,
    trace,
    streams,
    get violation() {
      return violation;
    },
    get steps() {
      return steps;
    },
    gone,
    violate,
    async run(untilUs, done) {
      let looked = schedule.now;
      while (violation === undefined && steps < options.maxSteps) {
        const work = schedule.next(untilUs);
        if (work === undefined) return;
        steps += 1;
        work();
        while (promised) {
          promised = false;
          await settlePromises();
        }
        if (schedule.now - looked < 100_000) continue;
        looked = schedule.now;
        court.clients.settle(false);
        if (done?.() === true) return;
      }
    },
  };
};
