/**
 * How a newcomer gets the genesis (docs/wire.md "Genesis"): any node gives it to whoever asks. The answer proves nothing; whoever knows the
 * genesis hash checks it.
 */
import { generateKeyPair } from "@libp2p/crypto/keys";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import type { Stream } from "@libp2p/interface";
import { createLibp2p } from "libp2p";
import { limits } from "../../protocol/limits.ts";
import { gatheringTransport, quietEncrypter, thriftyMuxer } from "./economy.ts";
import { createLibraryLog } from "./library-log.ts";

/** the one name that does not begin with the network's: who asks does not know it yet */
export const genesisProtocol = "/byz/genesis/1";

/** streams of one peer at once */
export const genesisStreams = { maxInboundStreams: 1, maxOutboundStreams: 0 };
/** until a stream that nobody reads is given up, milliseconds */
const patienceMs = 5_000;

const lengthBytes = 4;
const question = Uint8Array.of(1);

/**
 * Asked with whatever message, it writes the text's length, u32, and the text, and closes. It waits for the question: an answer that overtakes the
 * agreement on the protocol would be lost.
 */
export const giveGenesis =
  (text: string) =>
  (stream: Stream): void => {
    const bytes = Buffer.from(text, "utf8");
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(bytes.length);
    const signal = AbortSignal.timeout(patienceMs);
    const giveUp = (): void => stream.abort(new Error("nobody asked, or nobody reads"));
    signal.addEventListener("abort", giveUp, { once: true });
    stream.addEventListener("close", () => signal.removeEventListener("abort", giveUp));
    const answer = (): void => {
      try {
        stream.send(Buffer.concat([length, bytes]));
        stream.close({ signal }).catch((error: unknown) => stream.abort(error as Error));
      } catch (error) {
        stream.abort(error as Error);
      }
    };
    stream.addEventListener("message", answer, { once: true });
  };

/** The text, as soon as it is whole. */
const readText = (stream: Stream, signal: AbortSignal): Promise<string> =>
  new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      reject(error);
      stream.abort(error);
    };
    const look = (): void => {
      if (received.length < lengthBytes) return;
      const length = received.readUInt32BE(0);
      if (length > limits.maxGenesisBytes) return fail(new RangeError(`it has more than ${limits.maxGenesisBytes} bytes`));
      if (received.length < lengthBytes + length) return;
      resolve(received.toString("utf8", lengthBytes, lengthBytes + length));
    };
    stream.addEventListener("message", ({ data }) => {
      received = Buffer.concat([received, data.subarray()]);
      look();
    });
    stream.addEventListener("close", () => reject(new Error("it closed the stream")));
    signal.addEventListener("abort", () => fail(new Error("it did not answer in time")), { once: true });
    stream.send(question);
  });

/**
 * Asks the node at `address` for its network's genesis, under a key that is thrown away.
 *
 * @returns the text as the node gave it, unchecked, at most `limits.maxGenesisBytes`
 * @throws Error when there is no node, it does not answer within `timeoutMs`, or answers with something else
 */
export const askForGenesis = async (address: string, timeoutMs: number): Promise<string> => {
  const signal = AbortSignal.timeout(timeoutMs);
  const host = await createLibp2p({
    start: false,
    privateKey: await generateKeyPair("Ed25519"),
    logger: createLibraryLog(undefined),
    addresses: { listen: [] },
    transports: [gatheringTransport(tcp())],
    connectionEncrypters: [quietEncrypter(noise())],
    streamMuxers: [thriftyMuxer(yamux())],
  });
  await host.start();
  try {
    const stream = await host.dialProtocol(multiaddr(address), genesisProtocol, { signal });
    return await readText(stream, signal);
  } finally {
    for (const connection of host.getConnections()) connection.abort(new Error("done"));
    await host.stop();
  }
};
