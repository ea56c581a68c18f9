/** `byz peers` */
import { Option } from "commander";
import { clientOf, showing } from "../client.ts";
import { defineCommand } from "../command.ts";
import { table } from "../table.ts";

export const peersCommand = defineCommand<{ watch?: boolean }>({
  usage: "peers",
  summary: "The nodes that this one is connected to",
  options: [new Option("--watch", "again every second")],
  examples: ["byz peers", "byz peers --watch"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const peers = await client.peers();
      const rows = peers.map((peer) => [
        peer.peerId,
        peer.role,
        peer.direction,
        peer.rttMs === null ? "-" : peer.rttMs.toFixed(1),
        new Date(peer.connectedSince).toISOString(),
        peer.addresses[0] ?? "",
      ]);
      session.answer(table(session, ["PEER ID", "ROLE", "DIRECTION", "RTT MS", "CONNECTED SINCE", "ADDRESS"], rows), peers);
    });
  },
});
