/** The other end: a client that asks nodes over libp2p. It listens on nothing, keeps no peers, and speaks only the client protocol. */
import type { Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import type { Digest } from "../../protocol/ids.ts";
import { maxClientAnswerBytes } from "../../wire/exchanges.ts";
import { parseMultiaddr } from "../address.ts";
import { protocolNames } from "./assemble.ts";
import { gatheringTransport, quietEncrypter, thriftyMuxer } from "./economy.ts";
import { readFrame, toError, writeFrame } from "./exchange-stream.ts";
import { createLibraryLog } from "./library-log.ts";
import { loadNoiseCrypto } from "./noise-crypto.ts";

export interface Visitor {
  /**
   * One question and its answer, as frames.
   *
   * @throws Error with the code `ECONNREFUSED` when the node can not be reached, is another one or of another network; `ECONNRESET` when it does not answer
   */
  ask(address: string, question: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Closes every connection. */
  stop(): Promise<void>;
}

/** questions under way to one node; nodes take fewer from one client */
const maxOutboundStreams = 64;

/** What is wrong with an address that clients are to dial; undefined when nothing is. It names the peer: whoever else answers there is refused. */
export const addressProblem = (address: string): string | undefined => {
  const parsed = parseMultiaddr(address);
  if (!parsed.ok) return parsed.error;
  return parsed.address.peer === undefined ? `${address} does not end with /p2p/PEER` : undefined;
};

/** In the system's words, which callers know: what was never connected was not asked. */
const failure = (cause: unknown, code: "ECONNREFUSED" | "ECONNRESET"): Error =>
  Object.assign(new Error(toError(cause).message, { cause }), { code });

/** @param genesisHash the network's: its nodes share no protocol with others' clients */
export const createVisitor = async (genesisHash: Digest): Promise<Visitor> => {
  const names = protocolNames(genesisHash);
  const crypto = loadNoiseCrypto();
  const host = await createLibp2p({
    logger: createLibraryLog(),
    addresses: { listen: [] },
    // nodes may be hostile: agreement is bounded here as it is there
    transports: [gatheringTransport(tcp({ dialOpts: { noDelay: true } }))],
    connectionEncrypters: [quietEncrypter(noise(crypto === undefined ? {} : { crypto }))],
    streamMuxers: [thriftyMuxer(yamux({ enableKeepAlive: false }))],
    // a node's own addresses may well be loopback
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { maxParallelReconnects: 0 },
    connectionMonitor: { enabled: false },
  });
  // nodes take a peer that has no such channel for one of another network; what they say there is for peers
  await host.handle(names.channel.sync, (stream) => stream.addEventListener("message", () => undefined));

  /** A node cuts off who has been idle, and we may hear of it only when we ask again: nothing was asked yet, so it is dialled once more. */
  const open = async (address: string, signal: AbortSignal): Promise<Stream> => {
    const options = { signal, maxOutboundStreams };
    const connection = await host.dial(multiaddr(address), { signal });
    try {
      return await connection.newStream(names.client, options);
    } catch (error) {
      // what is refused on a connection that stays open is the node's answer
      if (connection.status === "open" || signal.aborted) throw error;
      return host.dialProtocol(multiaddr(address), names.client, options);
    }
  };
  return {
    async ask(address, question, signal) {
      const stream = await open(address, signal).catch((cause: unknown) => {
        throw failure(cause, "ECONNREFUSED");
      });
      try {
        const answer = readFrame(stream, maxClientAnswerBytes, signal);
        await Promise.all([writeFrame(stream, question, signal), answer]);
        return await answer;
      } catch (error) {
        stream.abort(toError(error));
        throw failure(error, "ECONNRESET");
      }
    },
    async stop() {
      for (const connection of host.getConnections()) connection.abort(new Error("the client is done"));
      await host.stop();
    },
  };
};
