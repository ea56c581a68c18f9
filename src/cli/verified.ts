/** Commands that believe a node only as far as a genesis bears it out. */
import { existsSync } from "node:fs";
import { Option } from "commander";
import { type Client, createClient } from "../client/client.ts";
import { ClientError } from "../client/errors.ts";
import { takeClientNumber } from "../node/home/client-number.ts";
import type { Genesis } from "../node/home/genesis.ts";
import { keyValueStoreName } from "../ledger/kv/application.ts";
import { homeAt } from "../node/home/layout.ts";
import { answerTimeoutMs, clientOf, clientOptions } from "./client.ts";
import { CliError, exitCodes, usageError } from "./errors.ts";
import { clientKeyOf } from "./passphrase.ts";
import type { Session } from "./session.ts";

export interface GenesisFlag {
  readonly genesis?: string;
}

export const genesisOption = (): Option =>
  new Option("--genesis <file>", "what answers are verified by (default: the home's genesis.json, if any)");

/** The genesis at hand: the one named, else the home's; undefined when there is none. @throws GenesisError */
export const genesisAtHand = async (session: Session, { genesis }: GenesisFlag): Promise<Genesis | undefined> => {
  const { genesis: own } = homeAt(session.home);
  const file = genesis ?? (existsSync(own) ? own : undefined);
  // loaded only where there is one: a third of a short command's time
  return file === undefined ? undefined : (await import("../node/home/genesis.ts")).loadGenesis(file);
};

/** The same for commands of the key-value store. @throws CliError (usage) where the network runs another application: it would execute their bytes */
export const storeGenesisAtHand = async (session: Session, flag: GenesisFlag): Promise<Genesis | undefined> => {
  const genesis = await genesisAtHand(session, flag);
  if (genesis === undefined || genesis.application === keyValueStoreName) return genesis;
  throw usageError(
    `${genesis.chainId} runs the application ${genesis.application}, not the key-value store`,
    "its operations come as signed requests: docs/applications.md",
  );
};

/** why a local read is unverified */
export const localIsOneNodes = "local reads are what one node has";

/** Says that an answer is only a node's word. */
export const sayUnverified = (session: Session, why = "there is no genesis at hand; name one with --genesis"): void =>
  session.note(`unverified, the word of the node alone: ${why}`);

/**
 * Refuses nodes that say they are of another network, before anything is signed. One that is of this network is enough: what it and the others answer is
 * verified anyway.
 *
 * @throws CliError `wrong_network`; ClientError
 */
export const refuseOtherNetworks = async (session: Session, { hash, chainId }: Genesis): Promise<void> => {
  let failure: unknown;
  let other = false;
  for (const url of session.apiUrls) {
    try {
      const { genesisHash } = await clientOf({ ...session, apiUrls: [url] }).status();
      if (genesisHash === hash) return;
      other = true;
    } catch (error) {
      if (!(error instanceof ClientError) || error.code === "aborted") throw error;
      failure = error;
    }
  }
  if (!other) throw failure;
  throw new CliError({
    code: "wrong_network",
    message: `the node belongs to another network than ${chainId}, that of ${session.home}`,
    hint: "choose the home with --home, the genesis with --genesis, or the node with --api",
    exitCode: exitCodes.invalid,
  });
};

/**
 * A client that signs with the home's client key, numbers by its `client.seq`, and believes what it verified. For one request.
 *
 * @throws CliError, ClientError, KeyFileError, HomeError
 */
export const verifyingClient = async (session: Session, genesis: Genesis): Promise<Client> => {
  await refuseOtherNetworks(session, genesis);
  const home = homeAt(session.home);
  const key = await clientKeyOf(session);
  const number = await takeClientNumber(home);
  return createClient({
    ...clientOptions(session),
    genesis,
    key,
    ...(session.apiUrls.length > 1 ? {} : { timeoutMs: answerTimeoutMs }),
    lastSequence: number - 1,
    wall: () => 0, // the number was chosen above, under a lock
    distrusted: ({ url, message }) => session.note(`${url} is not believed: ${message}`),
  });
};

/** For reads that sign nothing. @throws CliError, ClientError */
export const readingClient = async (session: Session, genesis: Genesis): Promise<Client> => {
  await refuseOtherNetworks(session, genesis);
  return createClient({
    ...clientOptions(session),
    genesis,
    distrusted: ({ url, message }) => session.note(`${url} is not believed: ${message}`),
  });
};
