/** `byz init` */
import { Option } from "commander";
import { initHome, peerIdOf } from "../../node/home/home.ts";
import { homeAt } from "../../node/home/layout.ts";
import type { HomeKeys, InitOptions } from "../../node/home/home.ts";
import { defineCommand } from "../command.ts";
import { newPassphrase, noNewPassphrase } from "../passphrase.ts";
import type { Session } from "../session.ts";
import { pairs } from "../table.ts";

const makeEncrypted = async (session: Session, options: InitOptions): Promise<HomeKeys> => {
  const passphrase = await newPassphrase(session, undefined, true);
  if (passphrase === undefined) throw noNewPassphrase();
  try {
    return initHome(session.home, { ...options, passphrase });
  } finally {
    passphrase.forget();
  }
};

export const initCommand = defineCommand<{ moniker?: string; chainId?: string; encrypt?: boolean }>({
  usage: "init",
  summary: "Makes a home: three keys, config.toml and data/",
  options: [
    new Option("--moniker <name>", "a name for people (default: the host's)"),
    new Option("--chain-id <id>", "the network this home is for; only shown in what to do next"),
    new Option("--encrypt", "encrypt the keys with a passphrase from the start, so that no disk ever has them plain"),
  ],
  examples: ["byz init --moniker alice", "byz init --home /srv/byz --moniker alice --json"],
  exits: [3],
  async run(session, _args, { moniker, chainId, encrypt }) {
    const options = moniker === undefined ? {} : { moniker };
    const keys = encrypt === true ? await makeEncrypted(session, options) : initHome(session.home, options);
    const home = homeAt(session.home);
    const peerId = peerIdOf(keys.node);
    session.answer(
      pairs([
        ["home", home.path],
        ["peer id", peerId],
        ["validator key", keys.validator.publicKey],
        ["client key", keys.client.publicKey],
      ]),
      { home: home.path, peerId, validatorKey: keys.validator.publicKey, clientKey: keys.client.publicKey },
    );
    const founders = chainId === undefined ? "the network's founders" : `the founders of ${chainId}`;
    session.note(
      `next: give the output of \`byz keys export\` to ${founders}, put their genesis.json into ${home.path}, then \`byz start\``,
    );
  },
});
