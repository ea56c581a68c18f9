import { createLibp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import { createMemoryHub } from "../../src/network/memory.ts";
import type { Network } from "../../src/network/port.ts";
import { peerNameFromNodeKey } from "../../src/network/peer-name.ts";
import { describeNetwork } from "./conformance.ts";
import { genesisHash, loopback, nodeKey, patient } from "./support.ts";

describeNetwork("the memory hub", () => {
  const hub = createMemoryHub();
  return { create: async (index, validators) => hub.createMemoryNetwork(peerNameFromNodeKey(nodeKey(index)), validators) };
});

describeNetwork("libp2p", () => {
  let first: Network | undefined;
  return {
    async create(index, validators) {
      const bootstrap = first?.addresses().slice(0, 1) ?? [];
      const network = await createLibp2pNetwork({
        genesisHash,
        genesis: "",
        nodeKey: nodeKey(index),
        listen: [loopback],
        bootstrap,
        validators,
        limits: { deadMs: 0, ...patient },
      });
      first ??= network;
      return network;
    },
  };
});
