/**
 * What a peer may say before it is agreed what is spoken. libp2p reads each message's length there byte by byte, goes through all bytes so far for each, and has no
 * bound on them: 64 KiB that are no length took 0.2 s, of a connection that proved no name, and 256 KiB in answer to a stream of ours 5 s. Reaches into objects
 * whose types do not show the members used.
 */
import type { MultiaddrConnection, Stream, StreamMuxer } from "@libp2p/interface";
import type { FrameHeader } from "@libp2p/yamux";

/** how both ends of each connection of ours begin: there is one encrypter */
const hello = Buffer.from("\u0013/multistream/1.0.0\n\u0007/noise\n");
/** of one inbound stream, before its protocol is agreed on */
const maxNegotiationBytes = 1024;
/** Yamux's number for data, and its flag for a new stream */
const [dataType, synFlag] = [0, 1];

interface Bytes {
  readonly byteLength: number;
  subarray(from: number, to: number): Uint8Array;
}

/** Ends a connection whose other end begins with anything else. */
export const expectHello = (connection: MultiaddrConnection): void => {
  const inside = connection as unknown as { onData?: (data: Bytes) => void };
  const { onData } = inside;
  if (typeof onData !== "function") return;
  let heard = 0;
  inside.onData = (data) => {
    const part = data.subarray(0, hello.length - heard);
    if (!hello.subarray(heard, heard + part.byteLength).equals(part)) return connection.abort(new Error("does not ask for Noise"));
    heard += part.byteLength;
    if (heard === hello.length) inside.onData = onData;
    onData.call(connection, data);
  };
};

/** All of ours agree on the muxer within Noise's handshake; on a secured connection it would be negotiated again. @throws Error for others */
export const requireEarlyMuxer = <S extends { readonly streamMuxer?: unknown }>(secured: S): S => {
  if (secured.streamMuxer === undefined) throw new Error("names no muxer in its handshake");
  return secured;
};

interface Inside {
  readonly streams: readonly (Stream & { readonly streamId?: number })[];
  handleFrame?: (frame: { readonly header: FrameHeader }) => void;
}

const firstLine = "/multistream/1.0.0\n";
/** the other end does not speak the protocol; the next one that we asked for is answered next */
const refusal = "na\n";

/** Reads an answer's lines byte by byte. @returns for the next bytes whether they still belong to it, or that they are none */
const createAnswer = (): ((data: Bytes) => "more" | "agreed" | "none") => {
  let left = 0;
  let line = "";
  let isFirst = true;
  return (data) => {
    for (const byte of data.subarray(0, data.byteLength)) {
      if (left === 0) {
        // no name that we ask for is so long that its length had a second byte
        if (byte === 0 || byte >= 0x80) return "none";
        [left, line] = [byte, ""];
        continue;
      }
      line += String.fromCharCode(byte);
      left -= 1;
      if (left > 0) continue;
      if (isFirst ? line !== firstLine : line !== refusal) return isFirst ? "none" : "agreed";
      isFirst = false;
    }
    return "more";
  };
};

/** Resets a stream of ours that is answered with anything but lines of multistream's; what is agreed on or not is for libp2p to see. */
const expectAnswer = (stream: Stream, onRefused: () => void): void => {
  const inside = stream as unknown as { onData?: (data: Bytes) => void };
  const { onData } = inside;
  if (stream.protocol !== "" || typeof onData !== "function") return;
  const answer = createAnswer();
  inside.onData = (data) => {
    const state = answer(data);
    if (state === "none") {
      onRefused();
      return stream.abort(new Error("answers with what is no protocol's name"));
    }
    if (state === "agreed") inside.onData = onData;
    onData.call(stream, data);
  };
};

/**
 * Resets an inbound stream that brings much before its protocol is agreed on, and one of ours that is answered with no name; ends a connection whose first
 * frame of a stream does. `onRefused` is told of each.
 */
export const boundNegotiations = (muxer: StreamMuxer, onRefused: () => void): void => {
  const { createStream } = muxer;
  muxer.createStream = async (options) => {
    const stream = await createStream.call(muxer, options);
    expectAnswer(stream, onRefused);
    return stream;
  };
  const inside = muxer as unknown as Inside;
  const { handleFrame } = inside;
  if (typeof handleFrame !== "function") return;
  const brought = new WeakMap<Stream, number>();
  inside.handleFrame = (frame) => {
    const { type, flag, streamID, length } = frame.header;
    const reason = "no protocol, but many bytes";
    if (type === dataType && length > 0) {
      if ((flag & synFlag) === synFlag && length > maxNegotiationBytes) {
        onRefused();
        return muxer.abort(new Error(reason));
      }
      const stream = inside.streams.find(({ streamId }) => streamId === streamID);
      if (stream?.protocol === "" && stream.direction === "inbound") {
        const bytes = (brought.get(stream) ?? 0) + length;
        brought.set(stream, bytes);
        if (bytes > maxNegotiationBytes) {
          onRefused();
          return stream.abort(new Error(reason));
        }
      }
    }
    handleFrame.call(muxer, frame);
  };
};
