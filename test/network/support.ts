/** Shared by this folder's tests: keys, waiting, recording handlers, and networks that are stopped whatever happens. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLibp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import type { Libp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import type { NetworkOptions } from "../../src/network/options.ts";
import { peerNameFromNodeKey } from "../../src/network/peer-name.ts";
import type { Channel, GossipVerdict, NetworkHandlers } from "../../src/network/port.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import type { PeerName } from "../../src/protocol/ids.ts";

/** what nodes give to newcomers */
export const genesisText = "the genesis";
export const genesisHash = toDigest("5eed".repeat(16));
export const loopback = "/ip4/127.0.0.1/tcp/0";

export const nodeKey = (index: number): Uint8Array => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, index + 1);
  return key;
};
export const names = (count: number, first = 0): PeerName[] =>
  Array.from({ length: count }, (_, index) => peerNameFromNodeKey(nodeKey(first + index)));

/** Resolves with the time waited, in milliseconds. */
export const until = async (condition: () => boolean, limitMs: number, what: string | (() => string)): Promise<number> => {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > limitMs) throw new Error(`not within ${limitMs} ms: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
};

/**
 * How long `work` takes, in milliseconds, without the time in which this process wanted to run and others did: what a timer is late by counts only as far as
 * the process used it.
 */
export const ownTime = async (work: () => Promise<unknown>): Promise<number> => {
  const tickMs = 5;
  let counted = 0;
  let [last, cpu] = [performance.now(), process.cpuUsage()];
  const look = (): void => {
    const [now, { user, system }] = [performance.now(), process.cpuUsage(cpu)];
    counted += Math.min(now - last, 2 * tickMs + (user + system) / 1000);
    [last, cpu] = [now, process.cpuUsage()];
  };
  const ticking = setInterval(look, tickMs);
  try {
    await work();
  } finally {
    clearInterval(ticking);
  }
  look();
  return counted;
};

export interface Recorder extends NetworkHandlers {
  readonly frames: { readonly from: PeerName; readonly channel: Channel; readonly frame: Uint8Array }[];
  readonly gossip: { readonly from: PeerName; readonly data: Uint8Array }[];
  readonly peers: { readonly peer: PeerName; readonly up: boolean }[];
  /** what the next gossip is answered with */
  verdict: GossipVerdict;
}

export const createRecorder = (): Recorder => {
  const recorder: Recorder = {
    frames: [],
    gossip: [],
    peers: [],
    verdict: "accept",
    onFrame: (from, channel, frame) => recorder.frames.push({ from, channel, frame }),
    onGossip: (from, data, verdict) => {
      recorder.gossip.push({ from, data });
      verdict(recorder.verdict);
    },
    onPeer: (peer, up) => recorder.peers.push({ peer, up }),
  };
  return recorder;
};

export interface TestNode {
  readonly network: Libp2pNetwork;
  readonly recorder: Recorder;
  readonly name: PeerName;
}

/** Things to undo, last first. */
export const createCleanup = () => {
  const tasks: (() => unknown)[] = [];
  return {
    add: (task: () => unknown): void => void tasks.push(task),
    async run(): Promise<void> {
      for (const task of tasks.splice(0).reverse()) await task();
    },
  };
};
export type Cleanup = ReturnType<typeof createCleanup>;

export const temporaryDirectory = (cleanup: Cleanup): string => {
  const directory = mkdtempSync(join(tmpdir(), "byz-network-"));
  cleanup.add(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

/** Handshakes are waited for however busy the machine is: given up too soon and begun again, they only make it busier. */
export const patient = { minDialMs: 10_000, maxDialMs: 10_000, addressDialMs: 10_000 } as const;

/** A started network of this process; silence is not judged, since nothing beats. */
export const startNode = async (
  cleanup: Cleanup,
  index: number,
  options: Partial<NetworkOptions> & Pick<NetworkOptions, "validators">,
): Promise<TestNode> => {
  const network = await createLibp2pNetwork({
    genesisHash,
    genesis: genesisText,
    nodeKey: nodeKey(index),
    listen: [loopback],
    ...options,
    limits: { deadMs: 0, ...patient, ...options.limits },
  });
  const recorder = createRecorder();
  await network.start(recorder);
  cleanup.add(() => network.stop());
  return { network, recorder, name: network.self };
};

/** Validators `0…count−1`, all given the first one's address, up with each other. */
export const startValidators = async (cleanup: Cleanup, count: number, options: Partial<NetworkOptions> = {}): Promise<TestNode[]> => {
  const validators = names(count);
  const nodes: TestNode[] = [];
  for (let index = 0; index < count; index += 1) {
    const bootstrap = nodes[0]?.network.addresses().slice(0, 1) ?? [];
    nodes.push(await startNode(cleanup, index, { validators, bootstrap, ...options }));
  }
  await untilMeshed(nodes);
  return nodes;
};

const untilMeshed = (nodes: readonly TestNode[], limitMs = 30_000): Promise<number> =>
  until(
    () => nodes.every(({ network }) => nodes.every(({ name }) => name === network.self || network.isUp(name))),
    limitMs,
    () =>
      `mesh of ${nodes.length}: ${nodes.map(({ network }) => network.peers().filter(({ peer }) => network.isUp(peer)).length).join(" ")} up`,
  );

export const nodeAt = (nodes: readonly TestNode[], index: number): TestNode => {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
};

/** What a child process is told at its start (test/network/child.ts). */
export interface ChildOptions {
  readonly index: number;
  readonly validators: readonly PeerName[];
  readonly bootstrap: readonly string[];
  readonly dataDirectory?: string;
  readonly listen?: string;
  readonly limits?: NetworkOptions["limits"];
  /** milliseconds between heartbeats on `sync`; 0 for none */
  readonly beatMs?: number;
}

interface ChildReport {
  readonly up: readonly PeerName[];
  readonly addresses: readonly string[];
  readonly counters: Record<string, number>;
  readonly rssMiB: number;
  readonly cpuMs: number;
  readonly received: number;
}

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly up: Set<PeerName>;
  /** performance.now() of the last change of a peer's state */
  readonly changedAt: Map<PeerName, number>;
  readonly addresses: readonly string[];
  ask(command: Record<string, unknown>): Promise<ChildReport>;
  kill(signal: NodeJS.Signals): void;
}

type FromChild =
  | { type: "ready"; addresses: string[] }
  | { type: "peer"; peer: PeerName; up: boolean }
  | { type: "report"; id: number; report: ChildReport };

/** Starts a network in a process of its own; resolves once it listens. */
export const startChild = async (cleanup: Cleanup, options: ChildOptions): Promise<Child> => {
  const process_ = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [JSON.stringify(options)], {
    execArgv: process.env["BYZ_CHILD_ARGV"]?.split(" ") ?? [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  cleanup.add(() => process_.kill("SIGKILL"));
  const up = new Set<PeerName>();
  const changedAt = new Map<PeerName, number>();
  const waiting = new Map<number, (report: ChildReport) => void>();
  let asked = 0;
  const addresses = await new Promise<readonly string[]>((resolve, reject) => {
    process_.once("exit", (code) => reject(new Error(`child ${options.index} exited with ${code}`)));
    process_.on("message", (message: FromChild) => {
      if (message.type === "ready") resolve(message.addresses);
      else if (message.type === "report") waiting.get(message.id)?.(message.report);
      else {
        if (message.up) up.add(message.peer);
        else up.delete(message.peer);
        changedAt.set(message.peer, performance.now());
      }
    });
  });
  return {
    process: process_,
    pid: process_.pid ?? 0,
    up,
    changedAt,
    addresses,
    ask: (command) =>
      new Promise((resolve) => {
        asked += 1;
        const id = asked;
        waiting.set(id, (report) => {
          waiting.delete(id);
          resolve(report);
        });
        process_.send({ id, ...command });
      }),
    kill: (signal) => void process_.kill(signal),
  };
};
