/**
 * Fewer and larger writes below libp2p's streams. As it comes, each Noise message costs two system calls (its length, then its bytes), and Yamux
 * answers each data frame with a window update of its own: of the writes that a vote causes, nine in ten carry no vote. Both changes are invisible
 * to the other side. They reach into objects whose types do not show the members used; where a version lacks them, libp2p works as it comes.
 */
import { Socket } from "node:net";
import type { ConnectionEncrypter, MultiaddrConnection, StreamMuxer, StreamMuxerFactory, Transport, Upgrader } from "@libp2p/interface";
import type { FrameHeader } from "@libp2p/yamux";
import { boundNegotiations, expectHello, requireEarlyMuxer } from "./negotiation.ts";

/* ------------------------------------------------------------------ sockets */

type SendData = (data: unknown) => unknown;

/** What is written to the connection in one turn leaves in one system call. */
const gatherWrites = (connection: MultiaddrConnection): void => {
  const inside = connection as unknown as { socket?: unknown; sendData?: SendData };
  const { socket, sendData } = inside;
  if (!(socket instanceof Socket) || typeof sendData !== "function") return;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  inside.sendData = (data) => {
    if (!corked) {
      corked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    return sendData.call(connection, data);
  };
};

const gatheringUpgrader = (upgrader: Upgrader): Upgrader =>
  new Proxy(upgrader, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "upgradeInbound" || name === "upgradeOutbound") {
          gatherWrites(args[0] as MultiaddrConnection);
          expectHello(args[0] as MultiaddrConnection);
        }
        return Reflect.apply(member, target, args);
      };
    },
  });

/** A transport whose connections gather their writes. */
export const gatheringTransport =
  <C>(create: (components: C) => Transport) =>
  (components: C): Transport => {
    const transport = create(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = (address, options) => dial(address, { ...options, upgrader: gatheringUpgrader(options.upgrader) });
    transport.createListener = (options) => createListener({ ...options, upgrader: gatheringUpgrader(options.upgrader) });
    return transport;
  };

/* ------------------------------------------------------------------ yamux */

/** Yamux's number for window updates. */
const windowUpdate = 1;
/** A sender's window is 256 KiB: with this much of it held back it never runs dry while we read. */
const heldBytes = 64 * 1024;
/** closed streams are forgotten when so many are known */
const maxHeld = 256;

type SendFrame = (header: FrameHeader, data?: unknown) => boolean;

/** Window updates are sent once they are worth a frame; until then the sender only believes its window to be smaller than it is. */
const holdWindowUpdates = (muxer: StreamMuxer): void => {
  const inside = muxer as unknown as { sendFrame?: SendFrame };
  const { sendFrame } = inside;
  if (typeof sendFrame !== "function") return;
  const held = new Map<number, number>();
  const forgetClosed = (): void => {
    const open = new Set(muxer.streams.map((stream) => (stream as unknown as { streamId: number }).streamId));
    for (const id of held.keys()) if (!open.has(id)) held.delete(id);
  };
  inside.sendFrame = (header, data) => {
    if (header.type !== windowUpdate) return sendFrame.call(muxer, header, data);
    const { streamID, flag } = header;
    const length = header.length + (held.get(streamID) ?? 0);
    // flags open, acknowledge and close streams: those frames say more than a window
    if (flag === 0 && length < heldBytes) {
      held.set(streamID, length);
      if (held.size > maxHeld) forgetClosed();
      return true;
    }
    held.delete(streamID);
    return sendFrame.call(muxer, { ...header, length }, data);
  };
};

/** A Yamux that talks less about its windows, and whose streams agree on a protocol in few bytes; `onRefused` is told of each that does not. */
export const thriftyMuxer =
  (create: () => StreamMuxerFactory, onRefused: () => void = () => undefined) =>
  (): StreamMuxerFactory => {
    const factory = create();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection);
      holdWindowUpdates(muxer);
      boundNegotiations(muxer, onRefused);
      return muxer;
    };
    return factory;
  };

/* ------------------------------------------------------------------ noise */

/** Longer than any Noise message: the decoder waits for more, which is right where not even the length has come. */
const notYet = 0x1_0000;

interface NoiseBytes {
  readonly byteLength: number;
  get(index: number): number;
}

const readLength = (bytes: NoiseBytes): number => (bytes.byteLength < 2 ? notYet : bytes.get(0) * 256 + bytes.get(1));

/** As it comes, Noise's decoder throws, with a stack trace, each time it has read all that there is. */
const readQuietly = <S extends { readonly connection: unknown }>(secured: S): S => {
  const { decoder } = secured.connection as { decoder?: { lengthDecoder?: (bytes: NoiseBytes) => number } };
  if (typeof decoder?.lengthDecoder === "function") decoder.lengthDecoder = readLength;
  return secured;
};

/** An encrypter whose connections read without exceptions. */
export const quietEncrypter =
  <C>(create: (components: C) => ConnectionEncrypter) =>
  (components: C): ConnectionEncrypter => {
    const encrypter = create(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = async (connection, options) => requireEarlyMuxer(readQuietly(await secureInbound(connection, options)));
    encrypter.secureOutbound = async (connection, options) => requireEarlyMuxer(readQuietly(await secureOutbound(connection, options)));
    return encrypter;
  };
