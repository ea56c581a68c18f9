/** Frames out of a stream of bytes: an unsigned varint with the payload's length, then the payload (docs/wire.md, framing). */
import { LengthPrefixedDecoder } from "@libp2p/utils";

type Chunk = Parameters<LengthPrefixedDecoder["decode"]>[0];

/** A length that is not the shortest form, has more than four bytes, or passes the channel's bound: the stream is beyond repair. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FrameError";
  }
}

export interface FrameDecoder {
  /**
   * Takes the next bytes and calls `onFrame` for each frame they complete, until it returns false.
   * @throws FrameError when the stream is malformed or a frame is too large
   */
  push(bytes: Chunk, onFrame: (frame: Uint8Array) => boolean): void;
  /** bytes of the frame that has begun and is not complete */
  partialBytes(): number;
}

const maxPrefixBytes = 4;

/** Reads the length in its only valid spelling; a RangeError tells the decoder to wait for more bytes. */
const decodeLength = (data: Chunk): number => {
  const at = (index: number): number => (data instanceof Uint8Array ? (data[index] ?? 0) : data.get(index));
  let length = 0;
  for (let index = 0; index < maxPrefixBytes; index += 1) {
    if (index >= data.byteLength) throw new RangeError("incomplete");
    const byte = at(index);
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      if (byte === 0 && index > 0) throw new FrameError("a frame's length is not in its shortest form");
      if (length === 0) throw new FrameError("an empty frame");
      return length;
    }
  }
  throw new FrameError(`a frame's length has more than ${maxPrefixBytes} bytes`);
};

/** A small frame that is a view of a large chunk would keep the whole chunk alive for as long as the frame is kept. */
const detached = (frame: Uint8Array): Uint8Array => (frame.byteLength * 2 < frame.buffer.byteLength ? new Uint8Array(frame) : frame);

/** A decoder for one stream; holds at most one unfinished frame of `maxFrameBytes` and the chunk that came with it. */
export const createFrameDecoder = (maxFrameBytes: number): FrameDecoder => {
  const decoder = new LengthPrefixedDecoder({
    maxDataLength: maxFrameBytes,
    // one frame and the largest chunk that a muxer delivers at once; the length check above it is the one that bites
    maxBufferSize: maxFrameBytes + maxPrefixBytes + 32 * 1024 * 1024,
    lengthDecoder: decodeLength,
  });
  let received = 0;
  return {
    push(bytes, onFrame) {
      received += bytes.byteLength;
      try {
        for (const frame of decoder.decode(bytes)) {
          received -= frame.byteLength + prefixLength(frame.byteLength);
          if (!onFrame(detached(frame.subarray()))) return;
        }
      } catch (error) {
        throw error instanceof FrameError ? error : new FrameError(error instanceof Error ? error.message : "malformed frame");
      }
    },
    partialBytes: () => received,
  };
};

/** Bytes of the length in front of a frame. */
export const prefixLength = (length: number): number => {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  return length < 0x20_0000 ? 3 : 4;
};

/** Writes the length in front of a frame at `offset` and returns the offset after it. */
export const writePrefix = (target: Uint8Array, offset: number, length: number): number => {
  let rest = length;
  let at = offset;
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80;
    at += 1;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
};
