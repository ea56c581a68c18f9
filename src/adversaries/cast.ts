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

const acts: Readonly<Record<string, Act>> = {
  // does not listen to what it said while it cheated
  honest: { network: combine([]) },
  ...Object.fromEntries(Object.entries(behaviours).map(([name, network]) => [name, { network }])),
  "lie-to-clients": { network: falseReceipts, clients: lieToClients },
  "fork-shared": { network: forkShared },
};

/** `censor=` takes a client's public key; every other name stands for itself. */
export const actNames: readonly string[] = Object.keys(acts).flatMap((name) => (name === "censor" ? [name, "censor=CLIENTKEY"] : [name]));

/** The act of this name; undefined when there is none. */
export const actOf = (name: string): Act | undefined => {
  const client = /^censor=([0-9a-f]{64})$/.exec(name)?.[1];
  if (client !== undefined) return { network: censorClient(client as PublicKey), clients: refuseClient(client as PublicKey) };
  return Object.hasOwn(acts, name) ? acts[name] : undefined;
};
