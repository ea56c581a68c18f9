/**
 * What others may ask of libp2p's own services, and tell them. As they come, the DHT keeps whatever anybody asks it to keep, answers as many questions as fit
 * into a stream, and reads messages of 4 MiB, like identify's ten of 8 KiB: each address in them costs time, and all of them once more whenever their peer's
 * entry changes. Reaches into objects whose types do not show the members used.
 */
import type { Identify } from "@libp2p/identify";
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import type { NetworkLimits } from "../options.ts";
import { createTokenBucket } from "./token-bucket.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** The DHT's messages for finding peers: all that nodes ask each other */
const served: ReadonlySet<unknown> = new Set(["FIND_NODE", "PING"]);

interface DhtServer {
  handleMessage(peer: PeerId, message: { readonly type: unknown }): Promise<unknown>;
  onIncomingStream(stream: Stream, connection: Connection): Promise<void>;
}

interface PushReceiver {
  handleProtocol(stream: Stream, connection: Connection): Promise<void>;
}

interface Bytes {
  readonly byteLength: number;
  subarray(from: number, to: number): Uint8Array;
}

/** YamuxStream, whose type as a stream hides where its bytes come in */
interface Receiving {
  onData(data: Bytes): void;
  readonly readBuffer?: Bytes;
}

/** of a message's length, which is in front of it; as it comes, all that look like the beginning of a length are read, ever more slowly: 64 KiB take a second */
const maxLengthBytes = 4;

/** Tells of the first bytes of a stream whether a length ends in them; of later ones, that it did. */
const createLengthRule = (): ((data: Bytes) => boolean) => {
  let left = maxLengthBytes;
  return (data) => {
    if (left === 0) return true;
    const first = data.subarray(0, Math.min(left, data.byteLength));
    const ends = first.some((byte) => byte < 0x80);
    left = ends ? 0 : left - first.byteLength;
    return ends || left > 0;
  };
};

const refuse = (stream: Stream, onRefused: () => void): void => {
  onRefused();
  stream.abort(new Error("more than its protocol needs"));
};

/** Resets a stream that brings more than this, or does not begin with a length; what came already counts. Listening instead would take the bytes from who is to read them. */
const limitBytes = (stream: Stream, maxBytes: number, onRefused: () => void): void => {
  const inside = stream as unknown as Receiving;
  const { onData, readBuffer } = inside;
  const beginsWell = createLengthRule();
  let left = maxBytes - stream.readBufferLength;
  if (left < 0 || (readBuffer !== undefined && !beginsWell(readBuffer))) return refuse(stream, onRefused);
  inside.onData = (data) => {
    left -= data.byteLength;
    if (left < 0 || !beginsWell(data)) refuse(stream, onRefused);
    else onData.call(stream, data);
  };
};

type BoundedHost = Libp2p<{ identify: Identify; identifyPush: unknown; dht: unknown }>;

export interface ServiceBoundsOptions {
  readonly kadProtocol: string;
  readonly limits: NetworkLimits;
  /** a stream was reset */
  readonly onRefusedStream: () => void;
}

/** One bucket for each connection, whose number admission bounds; it goes with its connection. */
const createRate = (perSecond: number, burst: number): ((connection: Connection) => boolean) => {
  const buckets = new WeakMap<Connection, TokenBucket>();
  return (connection) => {
    const bucket = buckets.get(connection) ?? createTokenBucket(perSecond, burst, () => performance.now());
    buckets.set(connection, bucket);
    return bucket.take(1);
  };
};

const boundDht = (dht: unknown, { limits, onRefusedStream }: ServiceBoundsOptions): void => {
  const { rpc } = dht as { readonly rpc: DhtServer };
  const mayAsk = createRate(limits.dhtQuestionsPerSecond, limits.dhtQuestionBurst);
  const { onIncomingStream } = rpc;
  rpc.onIncomingStream = async (stream, connection) => {
    if (!mayAsk(connection)) return refuse(stream, onRefusedStream);
    limitBytes(stream, limits.maxDhtQuestionBytes, onRefusedStream);
    let asked = false;
    const once: Partial<DhtServer> = {
      handleMessage: async (peer, message) => {
        if (asked || !served.has(message.type)) {
          onRefusedStream();
          throw new Error("one question a stream, and about peers only");
        }
        asked = true;
        return rpc.handleMessage(peer, message);
      },
    };
    await onIncomingStream.call(Object.assign(Object.create(rpc), once), stream, connection);
  };
};

const boundPushes = (identifyPush: unknown, { limits, onRefusedStream }: ServiceBoundsOptions): void => {
  const receiver = identifyPush as PushReceiver;
  const mayTell = createRate(limits.pushesPerSecond, limits.pushBurst);
  const { handleProtocol } = receiver;
  receiver.handleProtocol = async (stream, connection) => {
    if (!mayTell(connection)) return refuse(stream, onRefusedStream);
    limitBytes(stream, limits.maxIdentifyBytes, onRefusedStream);
    await handleProtocol(stream, connection);
  };
};

/** Bounds the services of a host that was not started yet, and asks each peer who he is, which identify by itself would do before there is a bound. */
export const boundServices = (host: BoundedHost, options: ServiceBoundsOptions): void => {
  const { limits, onRefusedStream } = options;
  boundDht(host.services.dht, options);
  boundPushes(host.services.identifyPush, options);
  const answers: Readonly<Record<string, number>> = {
    [options.kadProtocol]: limits.maxDhtAnswerBytes,
    "/ipfs/id/1.0.0": limits.maxIdentifyBytes,
  };
  host.addEventListener("connection:open", ({ detail: connection }) => {
    const { newStream } = connection;
    connection.newStream = async (protocols, open) => {
      const stream = await newStream.call(connection, protocols, open);
      const maxBytes = answers[stream.protocol];
      if (maxBytes !== undefined) limitBytes(stream, maxBytes, onRefusedStream);
      return stream;
    };
    host.services.identify.identify(connection).catch(() => undefined);
  });
};
