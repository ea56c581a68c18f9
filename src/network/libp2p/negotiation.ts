/**
 * What a peer may say before it is agreed what is spoken. libp2p reads each message's length there byte by byte, goes through all bytes so far for each, and has no
 * bound on them: 64 KiB that are no length took 0.2 s, of a connection that proved no name. Reaches into objects whose types do not show the members used.
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

/** Resets an inbound stream that brings much before its protocol is agreed on; a connection whose first frame of a stream does. */
export const boundNegotiations = (muxer: StreamMuxer): void => {
  const inside = muxer as unknown as Inside;
  const { handleFrame } = inside;
  if (typeof handleFrame !== "function") return;
  const brought = new WeakMap<Stream, number>();
  inside.handleFrame = (frame) => {
    const { type, flag, streamID, length } = frame.header;
    const reason = "no protocol, but many bytes";
    if (type === dataType && length > 0) {
      if ((flag & synFlag) === synFlag && length > maxNegotiationBytes) return muxer.abort(new Error(reason));
      const stream = inside.streams.find(({ streamId }) => streamId === streamID);
      if (stream?.protocol === "" && stream.direction === "inbound") {
        const bytes = (brought.get(stream) ?? 0) + length;
        brought.set(stream, bytes);
        if (bytes > maxNegotiationBytes) return stream.abort(new Error(reason));
      }
    }
    handleFrame.call(muxer, frame);
  };
};
