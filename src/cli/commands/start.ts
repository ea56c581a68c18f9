/** `byz start` */
import { existsSync } from "node:fs";
import { Option } from "commander";
import { pino } from "pino";
import type { RunningNode } from "../../node/create-node.ts";
import type { StopReason } from "../../node/ends.ts";
import { isDamage, notedDamage, noteDamage, setAside } from "../../node/data/damage.ts";
import type { Config } from "../../node/home/config.ts";
import { type Genesis, loadGenesis } from "../../node/home/genesis.ts";
import type { NodeOptions } from "../../node/home/identity.ts";
import { homeAt, HomeError } from "../../node/home/layout.ts";
import type { Home } from "../../node/home/layout.ts";
import { memoryLimit, memoryShares } from "../../node/memory/memory-budget.ts";
import { machineMemory } from "../../node/memory/process-memory.ts";
import { identify, watchProcess } from "../../testnet/process-identity.ts";
import { defineCommand, several, wholeNumber } from "../command.ts";
import { CliError, exitCodes } from "../errors.ts";
import { configOf, type NodeFlags } from "../node-flags.ts";
import { withPassphrase } from "../passphrase.ts";
import type { Session } from "../session.ts";
import { pairs } from "../table.ts";
import { optimiseLater } from "../tiering.ts";
import { holdYoungGeneration, releaseYoungGeneration } from "../young-generation.ts";

export interface StartOptions extends NodeFlags {
  readonly genesis?: string;
  readonly repair?: boolean;
  readonly stopWith?: number;
  readonly behave?: string;
}

/** A promise of the moment at which this process is asked to stop, and by what. */
const askedToStop = (session: Session, stopWith: number | undefined): { readonly asked: Promise<string>; forget(): void } => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { signal } = session.io;
  const aborted = (): void => resolve((signal.reason as Error).message);
  if (signal.aborted) aborted();
  signal.addEventListener("abort", aborted, { once: true });
  const ownerGone = (): void => resolve(`process ${stopWith} ended`);
  const owner = stopWith === undefined ? undefined : identify(stopWith);
  if (stopWith !== undefined && owner === undefined) ownerGone();
  return { asked: promise, forget: owner === undefined ? () => undefined : watchProcess(owner, ownerGone) };
};

const loadAll = (session: Session, options: StartOptions): { readonly home: Home; readonly config: Config } => {
  const home = homeAt(session.home);
  if (!existsSync(home.nodeKey)) throw new HomeError("missing", `${home.path} is not a node's home`, "make one with `byz init`");
  return { home, config: configOf(session, options) };
};

/** Nothing of a cheat is even loaded outside of test networks. */
const cheatingOf = async (genesis: Genesis, behaviour: string | undefined): Promise<Pick<NodeOptions, "disguise" | "behaviour">> => ({
  ...(genesis.testnet ? { disguise: (await import("../../adversaries/disguise.ts")).createDisguise } : {}),
  ...(behaviour === undefined ? {} : { behaviour }),
});

/** Damage that is met in the middle of a turn ends the process as cleanly as the store's own failure. */
const damageMet = (): Promise<StopReason> =>
  new Promise((resolve) => {
    process.on("uncaughtException", (error) => {
      if (isDamage(error)) return resolve({ reason: "data_damaged", detail: error.message });
      // as without a handler
      process.stderr.write(`${error.stack ?? error.message}\n`);
      process.exit(exitCodes.failed);
    });
  });

const repairHint = "`byz start --repair` sets the damaged data aside and fetches it anew from the other nodes";

/** Starts it; with `--repair` in place of damaged data with none, which the others then give back (PROTOCOL §6). */
const startRepaired = async (
  session: Session,
  { home, genesis, repair }: { readonly home: Home; readonly genesis: Genesis; readonly repair: boolean },
  start: () => Promise<RunningNode>,
): Promise<RunningNode> => {
  const setDataAside = (why: string): void => {
    const folder = setAside(home, genesis, Date.now());
    session.note(`byz: the data is damaged: ${why}; it is set aside in ${folder}, and fetched anew from the other nodes`);
  };
  const noted = notedDamage(home);
  if (noted !== undefined && !repair)
    throw new CliError({ code: "data_damaged", message: `the data is damaged: ${noted}`, hint: repairHint, exitCode: exitCodes.invalid });
  if (noted !== undefined) setDataAside(noted);
  try {
    return await start();
  } catch (error) {
    if (!isDamage(error)) throw error;
    noteDamage(home, error as Error);
    if (!repair) throw error;
    setDataAside((error as Error).message);
    return start();
  }
};

/** The node of the session's home, running; whoever is asked for a passphrase is asked before anything is loaded. */
const bringUp = (
  session: Session,
  options: StartOptions,
  { home, config }: ReturnType<typeof loadAll>,
  genesis: Genesis,
): Promise<RunningNode> =>
  withPassphrase(session, ["node", "validator", "client"], async (passphrase) => {
    // each part of the node has a level of its own, which can change while it runs
    const logger = pino({ level: "trace", base: { node: config.node.moniker } }, pino.destination({ fd: 2, sync: true }));
    holdYoungGeneration();
    optimiseLater();
    const { createNode } = await import("../../node/create-node.ts");
    const cheating = await cheatingOf(genesis, options.behave);
    const opening = passphrase === undefined ? {} : { passphrase };
    const repair = options.repair === true;
    const node = await startRepaired(session, { home, genesis, repair }, () =>
      createNode({ home, config, genesis, logger, ...opening, ...cheating }),
    );
    releaseYoungGeneration(memoryShares(memoryLimit(config.node.memoryLimitMib, machineMemory())).young);
    return node;
  });

/** Runs the node of the session's home until it is asked to stop, or stops by itself. */
export const runNode = async (session: Session, options: StartOptions): Promise<void> => {
  const { asked, forget } = askedToStop(session, options.stopWith);
  const { home, config } = loadAll(session, options);
  const genesis = loadGenesis(options.genesis ?? home.genesis);
  const node = await bringUp(session, options, { home, config }, genesis);
  const addresses = node.addresses();
  session.answer(
    pairs([
      ["node", `${config.node.moniker} ${node.peerId}`],
      ["chain", `${genesis.chainId} (genesis ${genesis.hash})`],
      ["api", node.apiUrl],
      ...addresses.map((address) => ["address", address] as const),
    ]),
    { peerId: node.peerId, chainId: genesis.chainId, genesisHash: genesis.hash, api: node.apiUrl, addresses },
  );
  const ended = await Promise.race([asked, node.stopped, damageMet()]);
  forget();
  if (typeof ended === "string") return node.stop(ended);
  const { reason, detail } = ended;
  if (reason === "data_damaged") noteDamage(home, new Error(detail));
  const exitCode = reason === "data_damaged" ? exitCodes.invalid : exitCodes.failed;
  throw new CliError({ code: reason, message: `the node stopped: ${detail}`, hint: hintOf(reason), exitCode });
};

const hintOf = (reason: StopReason["reason"]): string => {
  if (reason === "disk_full") return "make room and start it again: nothing that it said is lost";
  return reason === "data_damaged" ? repairHint : "see its log";
};

/** `byz join` has them, too. */
export const startOptions: readonly Option[] = [
  new Option("--bootstrap <multiaddr>", "a node to meet first; may be repeated (env: BYZ_NETWORK_BOOTSTRAP)").argParser(several),
  new Option("--listen <multiaddr>", "where peers reach this node; may be repeated (env: BYZ_NETWORK_LISTEN)").argParser(several),
  new Option("--announce <multiaddr>", "its address from outside of a port mapping; may be repeated (env: BYZ_NETWORK_ANNOUNCE)").argParser(
    several,
  ),
  new Option("--api <host:port>", "HTTP address (default: 127.0.0.1:27657, env: BYZ_API_LISTEN)"),
  new Option("--genesis <file>", "another than genesis.json in the home"),
  new Option("--application <file>", "a module that exports what this network replicates (env: BYZ_NODE_APPLICATION)"),
  new Option("--memory-limit <mib>", "memory that this node may take (env: BYZ_NODE_MEMORY_LIMIT_MIB)").argParser(wholeNumber(0)),
  new Option("--log-level <level>", "trace, debug, info, warn, error, fatal or silent (env: BYZ_LOG_LEVEL)"),
  new Option("--repair", "set damaged data aside and fetch it anew from the other nodes"),
  new Option("--stop-with <pid>", "stop when this process ends").argParser(wholeNumber(1)).hideHelp(),
  new Option("--behave <behaviour>", "cheat, in a test network").hideHelp(),
];

export const startCommand = defineCommand<StartOptions>({
  usage: "start",
  summary: "Runs a node in the foreground; SIGINT and SIGTERM stop it cleanly",
  ownApi: true,
  options: startOptions,
  examples: ["byz start", "byz start --bootstrap /ip4/192.0.2.1/tcp/27656/p2p/12D3KooW… --announce /ip4/198.51.100.7/tcp/27656"],
  exits: [3],
  run: (session, _args, options) => runNode(session, options),
});
