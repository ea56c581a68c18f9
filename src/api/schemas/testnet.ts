/** What test networks ask of a node: `/v1/testnet/cut`, `/v1/testnet/behaviour`. */
import * as z from "zod";
import { peerIdForm } from "../../protocol/ids.ts";

/** more than a network has */
const maxCutPeers = 256;

export const cutBody = z.strictObject({
  peers: z.array(z.string().regex(peerIdForm, "is not a peer id")).max(maxCutPeers),
  direction: z.enum(["both", "inbound"]).default("both"),
});

export const behaviourBody = z.strictObject({ behaviour: z.string().min(1).max(128) });
