/** `byz testnet`: local networks of real processes. */
import { setTimeout as delay } from "node:timers/promises";
import { Option } from "commander";
import { leastMemoryLimitMib } from "../../node/memory/memory-budget.ts";
import { createLogFollower } from "../../testnet/logs.ts";
import { maxNodes, Testnet } from "../../testnet/testnet.ts";
import { defineCommand, defineGroup, wholeNumber } from "../command.ts";
import type { CommandFactory } from "../command.ts";
import { preferredBasePort } from "../ports.ts";
import { defaultApi } from "../session.ts";
import { dirOption, indexOf } from "./testnet-options.ts";
import { type Cheating, cheatingOption, testnetByzantineCommand } from "./testnet-byzantine.ts";
import { testnetDemoCommand } from "./testnet-demo.ts";
import { testnetHealCommand, testnetPartitionCommand } from "./testnet-partition.ts";
import { awaitAcquainted, describeTestnet, superviseTestnet, testnetUpExamples } from "./testnet-view.ts";

interface UpOptions {
  readonly nodes?: number;
  readonly dir: string;
  readonly basePort?: number;
  readonly observers: number;
  readonly memoryLimit?: number;
  readonly chainId: string;
  readonly application?: string;
  readonly detach?: boolean;
  readonly byzantine?: Cheating;
}

const upCommand = defineCommand<UpOptions>({
  usage: "up",
  summary: "Starts a network of real nodes on this machine and waits until all can commit; Ctrl-C stops it",
  options: [
    new Option("-n, --nodes <n>", "validators (default: 4)").argParser(wholeNumber(1, maxNodes)),
    dirOption(),
    new Option(
      "--base-port <port>",
      "node i listens on PORT+2i for peers and PORT+2i+1 for HTTP (default: 27656 where free, else others)",
    ).argParser(wholeNumber(1024, 65_000)),
    new Option("--observers <k>", "nodes that follow without a vote").argParser(wholeNumber(0, maxNodes)).default(0),
    new Option("--memory-limit <mib>", "memory that each node may take (default: what the machine allows)").argParser(
      wholeNumber(leastMemoryLimitMib),
    ),
    cheatingOption(),
    new Option("--chain-id <id>", "the network's name").default("testnet"),
    new Option("--application <file>", "a module that exports what the network replicates (default: the key-value store)"),
    new Option("--detach", "return and leave it running"),
  ],
  examples: testnetUpExamples,
  exits: [3],
  async run(session, _args, options) {
    const testnet = await Testnet.up({
      dir: options.dir,
      observers: options.observers,
      chainId: options.chainId,
      preferredBasePort,
      detach: options.detach === true,
      progress: session.note,
      signal: session.io.signal,
      ...(options.byzantine === undefined ? {} : { byzantine: options.byzantine }),
      ...(options.memoryLimit === undefined ? {} : { memoryLimitMib: options.memoryLimit }),
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.application === undefined ? {} : { application: options.application }),
      ...(options.basePort === undefined ? {} : { basePort: options.basePort }),
    });
    await awaitAcquainted(testnet);
    session.answer(await describeTestnet(session, testnet), testnet.state());
    const { api } = testnet.node(0);
    if (api !== defaultApi) session.note(`other commands ask ${defaultApi} unless told otherwise: export BYZ_API=${api}`);
    if (options.detach === true) return;
    session.note("Ctrl-C stops it");
    await superviseTestnet(session, testnet);
  },
});

const downCommand = defineCommand<{ dir: string; purge?: boolean }>({
  usage: "down",
  summary: "Stops all nodes of a testnet",
  options: [dirOption(), new Option("--purge", "and remove its folder")],
  examples: ["byz testnet down", "byz testnet down --purge"],
  async run(session, _args, { dir, purge }) {
    const testnet = Testnet.open(dir);
    await testnet.down({ purge: purge === true });
    session.answer(purge === true ? `${testnet.dir} is stopped and removed` : `${testnet.dir} is stopped`, {
      dir: testnet.dir,
      purged: purge === true,
    });
  },
});

const statusCommand = defineCommand<{ dir: string }>({
  usage: "status",
  summary: "Each node's process and how far it is",
  options: [dirOption()],
  examples: ["byz testnet status", "byz testnet status --json"],
  async run(session, _args, { dir }) {
    const testnet = Testnet.open(dir);
    const nodes = testnet.state().nodes.map((node) => ({ ...node, state: testnet.processState(node.index) }));
    session.answer(await describeTestnet(session, testnet), { ...testnet.state(), nodes });
  },
});

const actions = {
  kill: { summary: "Kills a node at once (SIGKILL)", said: "is killed" },
  restart: { summary: "Starts a node again, stopping it first where it runs", said: "is started" },
  pause: { summary: "Freezes a node (SIGSTOP)", said: "is frozen" },
  resume: { summary: "Lets a frozen node go on (SIGCONT)", said: "goes on" },
} as const;

const actionCommand = (name: keyof typeof actions): CommandFactory =>
  defineCommand<{ dir: string }>({
    usage: `${name} <index>`,
    summary: actions[name].summary,
    arguments: { index: "the node's, from 0" },
    options: [dirOption()],
    examples: [`byz testnet ${name} 0`, `byz testnet ${name} 2 --dir /tmp/net`],
    async run(session, [word], { dir }) {
      const index = indexOf(word);
      const testnet = Testnet.open(dir);
      await testnet[name](index);
      session.answer(`node ${index} ${actions[name].said}`, { ...testnet.node(index), state: testnet.processState(index) });
    },
  });

const addCommand = defineCommand<{ dir: string }>({
  usage: "add",
  summary: "Starts one more node, an observer that comes late, and waits until it is in sync",
  options: [dirOption()],
  examples: ["byz testnet add", "byz testnet add --dir /tmp/net"],
  async run(session, _args, { dir }) {
    const testnet = Testnet.open(dir);
    const node = await testnet.add();
    session.answer(`node ${node.index} follows: ${node.api}`, { ...node, state: testnet.processState(node.index) });
  },
});

const logsCommand = defineCommand<{ dir: string; lines: number; follow?: boolean }>({
  usage: "logs [index]",
  summary: "The end of a node's log, or of all",
  arguments: { index: "the node's, from 0" },
  options: [
    dirOption(),
    new Option("--lines <n>", "so many of each").argParser(wholeNumber(1, 100_000)).default(20),
    new Option("--follow", "and whatever comes, until interrupted").conflicts("json"),
  ],
  examples: ["byz testnet logs 0", "byz testnet logs --follow"],
  async run(session, [word], { dir, lines, follow }) {
    const testnet = Testnet.open(dir);
    const nodes = word === undefined ? testnet.state().nodes : [testnet.node(indexOf(word))];
    const followers = nodes.map(createLogFollower);
    if (follow === true) for (const read of followers) read();
    const logs = nodes.map(({ index }) => ({ index, text: testnet.logs(index, lines) }));
    const text = logs.length === 1 ? (logs[0]?.text ?? "") : logs.map((log) => `== node ${log.index} ==\n${log.text}`).join("\n");
    session.answer(
      text,
      logs.map((log) => ({ index: log.index, lines: log.text.split("\n") })),
    );
    while (follow === true && !session.io.signal.aborted) {
      for (const read of followers) session.io.stdout(read());
      await delay(200);
    }
  },
});

export const testnetCommand = defineGroup({ name: "testnet", summary: "Local networks of real processes", examples: testnetUpExamples }, [
  upCommand,
  downCommand,
  statusCommand,
  ...(["kill", "restart", "pause", "resume"] as const).map(actionCommand),
  testnetPartitionCommand,
  testnetHealCommand,
  addCommand,
  testnetByzantineCommand,
  logsCommand,
  testnetDemoCommand,
]);
