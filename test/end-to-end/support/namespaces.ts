/**
 * Validators in network namespaces of their own, on two bridges joined by a trunk in another one: real interfaces that lose, delay and go down. The machine's
 * own network is not touched. Needs root and iproute2.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHttpClient, type HttpClient } from "../../../src/client/http-client.ts";
import { renderGenesis } from "../../../src/node/home/genesis.ts";
import { initHome, peerIdOf } from "../../../src/node/home/home.ts";
import { homeAt } from "../../../src/node/home/layout.ts";
import { signRecord } from "../../../src/node/home/record.ts";
import type { Parameters } from "../../../src/protocol/limits.ts";

const entry = fileURLToPath(new URL("../../../bin/byz.js", import.meta.url));
const relay = fileURLToPath(new URL("relay-process.ts", import.meta.url));
const nodes = [0, 1, 2, 3];
const apiPort = 27_657;
const peerPort = 27_656;

export interface Namespaces {
  readonly peerIds: readonly string[];
  client(index: number): HttpClient;
  /** the node's cable is in, or out */
  cable(index: number, plugged: boolean): void;
  /** between 0, 1 and 2, 3 */
  trunk(plugged: boolean): void;
  /** so much of what the node sends is lost, and what is not is late; 0 on each node: as it was */
  lose(index: number, percent: number): void;
  stop(): Promise<void>;
}

const run = (command: string, ...args: readonly string[]): void => void execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] });

const nameOf = (index: number | "switch"): string => `byz${process.pid}-${index}`;
const inside = (index: number | "switch", command: string, ...args: readonly string[]): void =>
  run("ip", "netns", "exec", nameOf(index), command, ...args);

const remove = (): void => {
  for (const index of [...nodes, "switch" as const]) {
    try {
      run("ip", "netns", "del", nameOf(index));
    } catch {
      // it was not there
    }
  }
};

/** How packets are lost here: by the queueing discipline made for it, or by a filter on the bridges, with a narrow queue for delay. */
type Losing = "netem" | "nft";

export interface Machine {
  /** why there can be no namespaces; undefined when there can */
  readonly reason: string | undefined;
  /** undefined where the kernel has neither */
  readonly losing: Losing | undefined;
}

const works = (work: () => void): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return String((error as Error).message)
      .split("\n")
      .slice(0, 2)
      .join(": ");
  }
};

const filterOn = (device: string, percent: number): void => {
  const rule = percent >= 100 ? "drop" : `numgen random mod 100 < ${percent} drop`;
  inside("switch", "nft", "add", "rule", "bridge", "loss", "forward", "iifname", device, ...rule.split(" "));
};
const makeFilter = (): void => {
  inside("switch", "nft", "add", "table", "bridge", "loss");
  inside("switch", "nft", "add", "chain", "bridge", "loss", "forward", "{ type filter hook forward priority 0; }");
};

/** What this machine allows: asked once, and nothing is left of the question. */
export const askMachine = (): Machine => {
  const reason = works(() => {
    run("ip", "netns", "add", nameOf("switch"));
    inside("switch", "ip", "link", "add", "name", "probe0", "type", "veth", "peer", "name", "probe1");
    inside("switch", "ip", "link", "add", "name", "probe2", "type", "bridge");
  });
  const tries: readonly (readonly [Losing, () => void])[] = [
    ["netem", () => inside("switch", "tc", "qdisc", "add", "dev", "probe0", "root", "netem", "loss", "1%")],
    ["nft", () => [makeFilter(), filterOn("probe0", 1)]],
  ];
  const losing = reason === undefined ? tries.find(([, work]) => works(work) === undefined)?.[0] : undefined;
  remove();
  return { reason, losing };
};

/** Namespaces, cables, bridges. */
const build = (): void => {
  run("ip", "netns", "add", nameOf("switch"));
  for (const bridge of ["br0", "br1"]) {
    inside("switch", "ip", "link", "add", "name", bridge, "type", "bridge");
    inside("switch", "ip", "link", "set", bridge, "up");
  }
  inside("switch", "ip", "link", "add", "name", "t0", "type", "veth", "peer", "name", "t1");
  for (const end of [0, 1]) {
    inside("switch", "ip", "link", "set", `t${end}`, "master", `br${end}`);
    inside("switch", "ip", "link", "set", `t${end}`, "up");
  }
  for (const index of nodes) {
    run("ip", "netns", "add", nameOf(index));
    inside("switch", "ip", "link", "add", "name", `v${index}`, "type", "veth", "peer", "name", "eth0", "netns", nameOf(index));
    inside("switch", "ip", "link", "set", `v${index}`, "master", index < 2 ? "br0" : "br1");
    inside("switch", "ip", "link", "set", `v${index}`, "up");
    inside(index, "ip", "address", "add", `10.77.0.${index + 1}/24`, "dev", "eth0");
    inside(index, "ip", "link", "set", "eth0", "up");
    inside(index, "ip", "link", "set", "lo", "up");
  }
};

/** Homes as `byz init` makes them, and the genesis of all. @returns peer ids */
const found = (dir: string, parameters: Partial<Parameters>): string[] => {
  const made: { readonly keys: ReturnType<typeof initHome>; readonly address: string }[] = [];
  for (const index of nodes) {
    const listen = `/ip4/10.77.0.${index + 1}/tcp/${peerPort}`;
    const bootstrap = made.slice(0, 1).map(({ address }) => address);
    const network = { listen: [listen], bootstrap };
    const keys = initHome(join(dir, `${index}`), {
      moniker: `node-${index}`,
      config: { network, api: { listen: `127.0.0.1:${apiPort}` } },
    });
    made.push({ keys, address: `${listen}/p2p/${peerIdOf(keys.node)}` });
  }
  const validators = made.map(({ keys }, index) => signRecord(`node-${index}`, keys));
  const genesis = renderGenesis({ chainId: "namespaces", createdAt: Date.now(), testnet: true, parameters, validators });
  for (const index of nodes) writeFileSync(homeAt(join(dir, `${index}`)).genesis, genesis);
  return made.map(({ keys }) => peerIdOf(keys.node));
};

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("close", () => resolve());
  });

/** A port of this machine's loopback that leads to the node's API. */
const openDoor = async (socket: string): Promise<Server> => {
  const server = createServer((from) => {
    const to = connect(socket);
    from.on("error", () => to.destroy());
    to.on("error", () => from.destroy());
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
};

/** 20 ms late by netem; without it, as late as 4 Mbit/s make it. */
const lose = (losing: Losing | undefined, index: number, percent: number): void => {
  const qdisc = (...words: readonly string[]): void => inside(index, "tc", "qdisc", ...words);
  if (percent === 0) {
    if (losing === "nft") inside("switch", "nft", "flush", "chain", "bridge", "loss", "forward");
    return qdisc("del", "dev", "eth0", "root");
  }
  if (losing === "netem") return qdisc("replace", "dev", "eth0", "root", "netem", "delay", "20ms", "5ms", "loss", `${percent}%`);
  filterOn(`v${index}`, percent);
  qdisc("replace", "dev", "eth0", "root", "tbf", "rate", "4mbit", "burst", "16kb", "latency", "200ms");
};

/** Nothing is left of it when it fails. @param dir for homes and logs; short, sockets are in it */
export const startNamespaces = async (dir: string, machine: Machine, parameters: Partial<Parameters> = {}): Promise<Namespaces> => {
  const children: ChildProcess[] = [];
  const doors: Server[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children) child.kill("SIGTERM");
    const late = setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), 8_000);
    await Promise.all(children.map(ended));
    clearTimeout(late);
    for (const door of doors) door.close();
    remove();
  };
  try {
    build();
    if (machine.losing === "nft") makeFilter();
    const peerIds = found(dir, parameters);
    for (const index of nodes) {
      const log = openSync(join(dir, `${index}.log`), "a");
      const start = (...args: readonly string[]) =>
        spawn("ip", ["netns", "exec", nameOf(index), process.execPath, ...args], { stdio: ["pipe", log, log] });
      children.push(start(entry, "start", "--home", join(dir, `${index}`)), start(relay, join(dir, `${index}.sock`), `${apiPort}`));
      closeSync(log);
      doors.push(await openDoor(join(dir, `${index}.sock`)));
    }
    const urls = doors.map((door) => `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
    return {
      peerIds,
      client: (index) => createHttpClient({ urls: [urls[index] as string], timeoutMs: 10_000 }),
      cable: (index, plugged) => inside("switch", "ip", "link", "set", `v${index}`, plugged ? "up" : "down"),
      trunk: (plugged) => inside("switch", "ip", "link", "set", "t0", plugged ? "up" : "down"),
      lose: (index, percent) => lose(machine.losing, index, percent),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
