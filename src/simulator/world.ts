/** A universe: nodes, links, clients, faults and judges out of one seed, and the loop that moves its time. */
import process from "node:process";
import type { Effect } from "../consensus/effect.ts";
import { culpritsOf } from "../protocol/evidence.ts";
import type { PeerName, ReplicaIndex } from "../protocol/ids.ts";
import { type Committee } from "../protocol/committee.ts";
import { genesisLogHash } from "../wire/digests.ts";
import { emptyBatch } from "../wire/requests.ts";
import type { KeyPair } from "../signing/keys.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import { createDisk } from "./disk.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createCourt, type Court } from "./judges/court.ts";
import type { Violation } from "./judges/violation.ts";
import { createLinks, type Links, type LinksOptions } from "./links.ts";
import { createSimulatedNode, type DeathReason, type NodeWatch, type SimulatedNode, type Universe } from "./node.ts";
import type { Plan } from "./plan.ts";
import type { createStreams } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import { type Trace } from "./trace.ts";
import type { Transcript } from "./transcript.ts";
import { createWorkload, type Workload } from "./workload.ts";

import { createPools, createScene, isInnocent, isJudged, type Scene, violateIn, type DisguiseKit, type WorldOptions } from "./scene.ts";

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
  readonly deaths: ReadonlyMap<DeathReason, number>;
  /** nodes that died restart by themselves unless they are in here */
  readonly gone: Set<SimulatedNode>;
  key(name: string): KeyPair;
  readonly signBytes: SignBytes;
  violate(invariant: string, detail: string): void;
  /** its disk was lost, damaged or set back: what it promised before may be gone */
  isHarmed(node: SimulatedNode): boolean;
  /** promises wait for what happens now */
  promised(): void;
  /** Moves time until then, until `done`, until an invariant is broken or the steps are used up. */
  run(untilUs: number, done?: () => boolean): Promise<void>;
}

/** Until everything that promises waited for has happened, and whoever left the rest of its work to the next turn of the event loop has had one. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The former alone, at a tenth of the cost: the next tick comes when no promise has anything left to do. */
const settlePromises = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const describeError = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? error.message)
        .split("\n")
        .slice(0, 6)
        .join(" | ")
        .replaceAll(/file:\S*\/src\//g, "src/")
    : String(error);

const createSceneCourt = (scene: Scene): Court =>
  createCourt({
    ...scene.plan,
    committee: scene.committee,
    genesisHash: scene.genesisHash,
    genesisLogHash: genesisLogHash(scene.genesisHash),
    emptyDigest: emptyBatch.digest,
    notary: scene.notary,
    decoders: scene.decoders,
    isHonest: (validator) => isInnocent(scene, validator),
    violate: violateIn(scene),
  });

const createSceneLinks = (scene: Scene, court: Court): Links => {
  const { options, schedule, trace, nodes, streams, committee } = scene;
  const watch: LinksOptions["watch"] = {
    said(endpoint, channel, frame) {
      const node = nodes[endpoint];
      if (channel !== "sync" && node !== undefined && isJudged(scene, node) && !scene.harmed.has(node))
        court.words.said(node.index, node.disk, frame);
    },
    delivered(from, to, frame) {
      trace.note(schedule.now, from * 64 + to, frame.length * 256 + (frame.at(-1) ?? 0));
      options.transcript?.delivered(schedule.now, from, to, frame);
    },
    blamed(endpoint, peer, reason) {
      const node = nodes[endpoint];
      const blamed = committee.validators.findIndex((each) => each.peer === peer);
      if (node !== undefined && isJudged(scene, node)) court.blamed(node.index, blamed, reason);
    },
  };
  const peers = scene.owners.map((owner) => `peer-${owner}` as PeerName);
  const filter = options.filter === undefined ? {} : { filter: options.filter };
  return createLinks({ schedule, latency: streams("latency"), loss: streams("loss"), peers, watch, ...filter }, scene.plan.quality);
};

/** A node that died comes back, as an operator or a supervisor would bring it. */
const bringBack = (scene: Scene, node: SimulatedNode, why: DeathReason): void => {
  scene.trace.noteText(why);
  scene.deaths.set(why, (scene.deaths.get(why) ?? 0) + 1);
  scene.options.transcript?.note(scene.schedule.now, `#${node.endpoint} dies: ${why}`);
  if (why === "data-damaged") {
    if (!scene.harmed.has(node)) return violateIn(scene)("recovery", `#${node.index} finds its data damaged, and nobody damaged it`);
    scene.schedule.after(1, () => node.wipe());
  }
  scene.schedule.after(scene.streams("restarts").exponential(scene.plan.downUs), () => scene.gone.has(node) || node.start());
};

/** What an outsider would want to know of a step. */
const noteEffects = (transcript: Transcript, now: number, endpoint: number, effects: readonly Effect[]): void => {
  for (const effect of effects) {
    if (effect.type === "execute")
      transcript.note(now, `#${endpoint} orders sequence ${effect.certificate.sequence}, ${effect.certificate.digest.slice(0, 8)}`);
    else if (effect.type === "save" && effect.record.type === "entered-view")
      transcript.note(now, `#${endpoint} enters view ${effect.record.newView.message.view}`);
    else if (effect.type === "evidence")
      transcript.note(now, `#${endpoint} proves ${effect.evidence.kind} of #${culpritsOf(effect.evidence).join(", #")}`);
  }
};

const watchNodes = (scene: Scene, court: Court): NodeWatch => {
  const { trace, schedule } = scene;
  const { transcript } = scene.options;
  return {
    stepped(node, input, effects, replica) {
      trace.note(schedule.now, node.endpoint, input.type.length * 65_536 + effects.length);
      if (transcript !== undefined) noteEffects(transcript, schedule.now, node.endpoint, effects);
      if (isJudged(scene, node)) court.stepped(node, input, effects, replica);
    },
    started(node, data) {
      trace.note(schedule.now, node.endpoint, data.restored.executed);
      transcript?.note(schedule.now, `#${node.endpoint} starts, executed ${data.restored.executed}`);
      if (isJudged(scene, node)) court.started(node, data);
    },
    halted(node, reason) {
      trace.noteText(`${node.index} ${reason}`);
      transcript?.note(schedule.now, `#${node.endpoint} halts: ${reason}`);
      // an operator who finds it so gives it an empty disk
      if (scene.harmed.has(node)) schedule.after(1, () => node.wipe());
    },
    threw(node, error) {
      // a node whose disk is damaged may find out at any read: its process ends, and an operator gives it an empty disk
      if (scene.harmed.has(node)) return node.wipe();
      violateIn(scene)("no-throw", `#${node.index} throws: ${describeError(error)}`);
    },
    died: (node, why) => bringBack(scene, node, why),
  };
};

const populate = (scene: Scene, universe: Universe, watch: NodeWatch): void => {
  const { committee, notary, signBytes, streams, plan, options } = scene;
  const kit: DisguiseKit = { committee, notary, signBytes, random: streams("byzantine"), parameters: plan.parameters };
  for (const [endpoint, owner] of scene.owners.entries()) {
    const disguise = options.disguiseOf?.(owner, kit);
    const node = createSimulatedNode(universe, {
      index: owner as ReplicaIndex,
      endpoint,
      disk: (later, boundary) =>
        createDisk({ random: streams("storage"), later, boundary, flushUs: plan.flushUs, promised: universe.promised }),
      ...(disguise === undefined ? {} : { disguise }),
      ...(options.powerCuts === undefined ? {} : { powerCuts: options.powerCuts }),
      watch,
    });
    scene.nodes.push(node);
  }
};

/** Moves time; whatever promises waited for happens before the next event. */
const runScene = async (scene: Scene, court: Court, untilUs: number, done: (() => boolean) | undefined): Promise<void> => {
  const { schedule, options } = scene;
  // documents are merged over several turns
  const settle = options.documents === true ? turn : settlePromises;
  let looked = schedule.now;
  while (scene.violation === undefined && scene.steps < options.maxSteps) {
    const work = schedule.next(untilUs);
    if (work === undefined) return;
    scene.steps += 1;
    work();
    while (scene.promised) {
      scene.promised = false;
      await settle();
    }
    if (schedule.now - looked < scene.plan.lookEveryUs) continue;
    looked = schedule.now;
    // also what no disk had a part in: an idle world writes nothing
    await turn();
    court.clients.settle(false);
    if (done?.() === true) return;
  }
};

/** Nothing runs in it yet. */
export const createWorld = (options: WorldOptions): World => {
  const scene = createScene(options);
  const { plan, streams, schedule, notary, signBytes, nodes, gone, committee, trace } = scene;
  const court = createSceneCourt(scene);
  const links = createSceneLinks(scene, court);
  const key = (name: string): KeyPair => notary.key(name);
  const universe: Universe = {
    ...plan,
    schedule,
    links,
    genesisHash: scene.genesisHash,
    committee,
    signBytes,
    decoders: scene.decoders,
    key,
    ...(options.documents === true ? { documents: notary.isValid } : {}),
    poolFor: createPools(schedule, notary, streams("verification"), plan.verificationUs),
    promised: () => {
      scene.promised = true;
    },
  };
  populate(scene, universe, watchNodes(scene, court));
  const workload = createWorkload({
    ...plan,
    schedule,
    random: streams("workload"),
    key,
    signBytes,
    judge: court.clients,
    isHonest: (node) => isJudged(scene, node),
    nodes: () => nodes.filter((node) => node.assembly !== undefined && !gone.has(node)),
  });
  const faults = createFaults(
    {
      seed: options.seed,
      plan,
      schedule,
      links,
      nodes,
      keep: options.keep,
      harmed: (node) => scene.harmed.add(node),
      happens: (fault) => options.transcript?.fault(fault),
    },
    streams("faults"),
  );
  return {
    plan,
    committee,
    schedule,
    links,
    nodes,
    honest: nodes.filter((node) => isJudged(scene, node)),
    court,
    workload,
    faults,
    trace,
    streams,
    get violation() {
      return scene.violation;
    },
    get steps() {
      return scene.steps;
    },
    gone,
    key,
    signBytes,
    deaths: scene.deaths,
    violate: violateIn(scene),
    isHarmed: (node) => scene.harmed.has(node),
    promised: universe.promised,
    run: (untilUs, done) => runScene(scene, court, untilUs, done),
  };
};
