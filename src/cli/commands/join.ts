/** `byz join` */
import { existsSync } from "node:fs";
import { Option } from "commander";
import { loadGenesis } from "../../node/home/genesis.ts";
import { initHome } from "../../node/home/home.ts";
import { homeAt, writeFileDurably } from "../../node/home/layout.ts";
import { toDigest } from "../../protocol/ids.ts";
import type { Digest } from "../../protocol/ids.ts";
import { defineCommand, several } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { configOf } from "../node-flags.ts";
import type { Session } from "../session.ts";
import { runNode, startOptions, type StartOptions } from "./start.ts";

interface JoinOptions extends StartOptions {
  readonly genesisHash?: string;
  readonly moniker?: string;
}

/** how long one node is asked for */
const askMs = 10_000;

const hashFrom = (text: string | undefined): Digest | undefined => {
  if (text === undefined) return undefined;
  try {
    return toDigest(text);
  } catch {
    throw usageError("--genesis-hash takes 64 lowercase hex digits", "`byz genesis hash` on a node of the network prints it");
  }
};

/** Puts the network's genesis into the home; one that is there already must be the expected one. */
const getGenesis = async (session: Session, bootstrap: readonly string[], expected: Digest | undefined): Promise<void> => {
  const { genesis: path } = homeAt(session.home);
  if (existsSync(path)) {
    const { hash } = loadGenesis(path);
    if (expected === undefined || hash === expected) return;
    throw new CliError({
      code: "wrong_genesis",
      message: `${path} is the genesis ${hash}, not ${expected}`,
      hint: "choose another home with --home",
      exitCode: exitCodes.unverified,
    });
  }
  const { fetchGenesis, FoundingError } = await import("../../node/home/founding.ts");
  try {
    const { genesis, text, from } = await fetchGenesis(bootstrap, expected, askMs);
    writeFileDurably(path, text);
    session.note(`genesis ${genesis.hash} of ${genesis.chainId} from ${from}`);
    if (expected === undefined)
      session.note("nothing vouches for it but that node: compare the hash with somebody you trust, or give --genesis-hash");
  } catch (error) {
    if (!(error instanceof FoundingError)) throw error;
    const wrong = error.code === "wrong_genesis";
    throw new CliError({
      code: error.code,
      message: error.message,
      hint: wrong ? "check --genesis-hash with somebody you trust; do not use that node" : "check the address, and that the node runs",
      exitCode: wrong ? exitCodes.unverified : exitCodes.noNode,
      cause: error,
    });
  }
};

const makeHome = (session: Session, { bootstrap, listen, announce, api, moniker }: JoinOptions): void => {
  const home = homeAt(session.home);
  if ([home.nodeKey, home.clientKey, home.config].every((file) => existsSync(file))) return;
  initHome(session.home, {
    ...(moniker === undefined ? {} : { moniker }),
    config: {
      network: {
        ...(bootstrap === undefined ? {} : { bootstrap }),
        ...(listen === undefined ? {} : { listen }),
        ...(announce === undefined ? {} : { announce }),
      },
      ...(api === undefined ? {} : { api: { listen: api } }),
    },
  });
};

export const joinCommand = defineCommand<JoinOptions>({
  usage: "join",
  summary: "Joins a network as an observer: makes the home, fetches the genesis, starts the node",
  ownApi: true,
  options: [
    new Option("--bootstrap <multiaddr>", "a node of the network; may be repeated").argParser(several).makeOptionMandatory(),
    new Option("--genesis-hash <hex>", "the network's genesis must have this hash; without it the node that is asked is believed"),
    new Option("--moniker <name>", "a name for people (default: the host's)"),
    ...startOptions.filter(({ long }) => long !== "--bootstrap" && long !== "--genesis"),
  ],
  examples: [
    "byz join --bootstrap /ip4/192.0.2.1/tcp/27656/p2p/12D3KooW… --genesis-hash 5d1f…",
    "byz join --home /srv/byz --bootstrap /dns4/node.example.org/tcp/27656 --genesis-hash 5d1f… --api 127.0.0.1:27757",
  ],
  exits: [3, 4, 6],
  async run(session, _args, options) {
    const { bootstrap } = options;
    if (bootstrap === undefined) throw usageError("--bootstrap is needed");
    const expected = hashFrom(options.genesisHash);
    // before there is a home that would keep what is wrong
    configOf(session, options);
    makeHome(session, options);
    await getGenesis(session, bootstrap, expected);
    await runNode(session, options);
  },
});
