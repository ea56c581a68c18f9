/** Who has no business with the network: raw TCP, and a libp2p node without its manners. */
import { connect } from "node:net";
import { multiaddr } from "@multiformats/multiaddr";
import { createHost } from "../../../src/network/libp2p/host.ts";
import { defaultNetworkLimits } from "../../../src/network/options.ts";
import { generateNodeKey, toLibp2pKey } from "../../../src/network/peer-name.ts";
import type { TestnetNode } from "../../../src/testnet/index.ts";

/** Sends bytes to a TCP port and waits until the other side has had enough, or `patienceMs`. */
export const sendRaw = (port: number, bytes: Uint8Array, patienceMs = 1000): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const patience = setTimeout(() => socket.destroy(), patienceMs);
    socket.on("error", () => undefined); // a reset is one way of having had enough
    socket.once("close", () => {
      clearTimeout(patience);
      resolve();
    });
    socket.resume();
    socket.write(bytes);
  });

export const p2pPort = (node: TestnetNode): number => Number(/\/tcp\/(\d+)\//.exec(node.p2p)?.[1]);

export type StrangerProtocol = "consensus" | "sync";

export interface Stranger {
  /** Writes to a new stream of this protocol; false when it was refused or broke. */
  send(protocol: StrangerProtocol, bytes: Uint8Array): Promise<boolean>;
  stop(): Promise<void>;
}

/** A libp2p node that knows the network's protocol names and is nobody's validator. */
export const startStranger = async (node: TestnetNode, genesisHash: string): Promise<Stranger> => {
  const root = `/byz/${genesisHash.slice(0, 8)}`;
  const host = await createHost({
    key: toLibp2pKey(generateNodeKey()),
    listen: ["/ip4/127.0.0.1/tcp/0"],
    announce: [],
    gater: {},
    limits: defaultNetworkLimits,
    kadProtocol: `${root}/kad/1`,
    topic: `${root}/proposals/1`,
    refuses: () => false,
  });
  for (const name of ["consensus", "sync"]) {
    await host.handle(`${root}/${name}/1`, (stream) => stream.addEventListener("message", () => undefined));
  }
  await host.start();
  return {
    async send(protocol, bytes) {
      try {
        const stream = await host.dialProtocol(multiaddr(node.p2p), `${root}/${protocol}/1`, { signal: AbortSignal.timeout(3000) });
        stream.send(bytes);
        await stream.close({ signal: AbortSignal.timeout(1000) });
        return true;
      } catch {
        return false;
      }
    },
    async stop() {
      for (const connection of host.getConnections()) connection.abort(new Error("the test is over"));
      await host.stop();
    },
  };
};
