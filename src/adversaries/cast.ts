/** What a validator of a test network can be told to do, by name: on its network, to its clients, or both. */
import type { PublicKey } from "../protocol/ids.ts";
import { behaviours, combine } from "./behaviours.ts";
import { type ClientAdversary, falseReceipts, lieToClients, refuseClient } from "./clients.ts";
import { forkShared } from "./documents.ts";
import type { Adversary } from "./kit.ts";
import { censorClient } from "./proposals.ts";

export interface Act {
  readonly network: Adversary;
  readonly clients?: ClientAdversary;
}

const acts: Readonly<Record<string, Partial<Act>>> = {
  honest: {},
  ...Object.fromEntries(Object.entries(behaviours).map(([name, network]) => [name, { network }])),
  "lie-to-clients": { network: falseReceipts, clients: lieToClients },
  "fork-shared": { network: forkShared },
};

/** `censor=` takes a client's public key; every other name stands for itself. */
export const actNames: readonly string[] = Object.keys(acts).flatMap((name) => (name === "censor" ? [name, "censor=CLIENTKEY"] : [name]));

const partsOf = (name: string): Partial<Act> | undefined => {
  const client = /^censor=([0-9a-f]{64})$/.exec(name)?.[1] as PublicKey | undefined;
  if (client !== undefined) return { network: censorClient(client), clients: refuseClient(client) };
  return Object.hasOwn(acts, name) ? acts[name] : undefined;
};

/** The act of this name; undefined when there is none. Whoever played once is deaf to what he said, also when he is honest again. */
export const actOf = (name: string): Act | undefined => {
  const parts = partsOf(name);
  return parts === undefined ? undefined : { ...parts, network: combine(parts.network === undefined ? [] : [parts.network]) };
};
