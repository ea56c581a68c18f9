/** A network in a process of its own, for tests that kill and freeze it. Told by its parent what to do, over IPC. */
import { createLibp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import type { PeerName } from "../../src/protocol/ids.ts";
import { genesisHash, loopback, nodeKey } from "./support.ts";
import type { ChildOptions } from "./support.ts";

const options = JSON.parse(process.argv[2] ?? "") as ChildOptions;
const network = await createLibp2pNetwork({
  genesisHash,
  genesis: "",
  nodeKey: nodeKey(options.index),
  listen: [options.listen ?? loopback],
  bootstrap: options.bootstrap,
  validators: options.validators,
  ...(options.dataDirectory === undefined ? {} : { dataDirectory: options.dataDirectory }),
  ...(options.limits === undefined ? {} : { limits: options.limits }),
});

let received = 0;
await network.start({
  onFrame: (from, channel, frame) => {
    received += 1;
    // first byte 1: an echo is wanted
    if (frame[0] === 1) network.send(from, channel, Uint8Array.of(2, ...frame.subarray(1)));
  },
  onGossip: (_from, _data, verdict) => verdict("accept"),
  onPeer: (peer, up) => process.send?.({ type: "peer", peer, up }),
});

const beatMs = options.beatMs ?? 350;
if (beatMs > 0) {
  const beat = new Uint8Array(64).fill(9);
  setInterval(() => {
    for (const { peer } of network.peers()) network.send(peer, "sync", beat);
  }, beatMs);
}

type Command = { id: number; type: "report" | "stop" };

process.on("message", (command: Command) => {
  const usage = process.cpuUsage();
  const report = {
    up: network
      .peers()
      .map(({ peer }): PeerName => peer)
      .filter((peer) => network.isUp(peer)),
    addresses: network.addresses(),
    counters: network.counters(),
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    cpuMs: (usage.user + usage.system) / 1000,
    received,
  };
  process.send?.({ type: "report", id: command.id, report });
  if (command.type === "stop") void network.stop().then(() => process.exit(0));
});
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "ready", addresses: network.addresses() });
