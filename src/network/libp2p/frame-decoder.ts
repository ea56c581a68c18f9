/** Frames out of a stream of bytes: an unsigned varint with the payload's length, then the payload (docs/wire.md, framing). */

/** A length that is not the shortest form, has more than four bytes, or passes the channel's bound: the stream is beyond repair. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FrameError";
  }
}

export interface FrameDecoder {
  /**
   * Takes the next bytes, or a list of chunks of them, and calls `onFrame` for each frame they complete, until it returns false.
   * @throws FrameError when the stream is malformed or a frame is too large
   */
  push(bytes: Uint8Array | Iterable<Uint8Array>, onFrame: (frame: Uint8Array) => boolean): void;
  /** bytes of the frame that has begun and is not complete */
  partialBytes(): number;
}

const maxPrefixBytes = 4;
/** the first memory of a frame that comes in parts */
const firstCapacity = 4096;
const nothing = new Uint8Array(0);

/** A small frame that is a view of a large chunk would keep the whole chunk alive for as long as the frame is kept. */
const detached = (frame: Uint8Array): Uint8Array => (frame.byteLength * 2 < frame.buffer.byteLength ? new Uint8Array(frame) : frame);

/** Reads a length byte by byte, in its only valid spelling. */
const createPrefix = (maxFrameBytes: number) => {
  let length = 0;
  let used = 0;
  return {
    bytes: () => used,
    /** @returns the length once `byte` completed it */
    push(byte: number): number | undefined {
      length += (byte & 0x7f) * 2 ** (7 * used);
      used += 1;
      if (byte >= 0x80) {
        if (used === maxPrefixBytes) throw new FrameError(`a frame's length has more than ${maxPrefixBytes} bytes`);
        return undefined;
      }
      if (byte === 0 && used > 1) throw new FrameError("a frame's length is not in its shortest form");
      if (length === 0) throw new FrameError("an empty frame");
      if (length > maxFrameBytes) throw new FrameError(`a frame of ${length} bytes, more than ${maxFrameBytes}`);
      return length;
    },
    reset(): void {
      length = 0;
      used = 0;
    },
  };
};

/**
 * A decoder for one stream. It holds at most one unfinished frame, copied together: in memory that grows with what has come, at most twice that, and never
 * with what a length promises. To keep the chunks as they came would cost a hundred times their bytes when a peer sends them one by one.
 */
export const createFrameDecoder = (maxFrameBytes: number): FrameDecoder => {
  const prefix = createPrefix(maxFrameBytes);
  /** of the frame that has begun; undefined inside of its prefix */
  let length: number | undefined;
  let partial: Uint8Array = nothing;
  let filled = 0;

  const keep = (bytes: Uint8Array, whole: number): void => {
    if (filled + bytes.length > partial.length) {
      const grown = new Uint8Array(Math.min(whole, Math.max(firstCapacity, 2 * partial.length, filled + bytes.length)));
      grown.set(partial.subarray(0, filled));
      partial = grown;
    }
    partial.set(bytes, filled);
    filled += bytes.length;
  };
  const reset = (): void => {
    prefix.reset();
    length = undefined;
    partial = nothing;
    filled = 0;
  };
  /** The rest of a frame of `whole` bytes, or all that there is of it; the frame once it is complete. */
  const takeBody = (bytes: Uint8Array, whole: number): Uint8Array | undefined => {
    if (filled === 0 && bytes.length === whole) return detached(bytes);
    keep(bytes, whole);
    // never larger than the frame, and now full
    return filled < whole ? undefined : partial;
  };
  const pushPart = (bytes: Uint8Array, onFrame: (frame: Uint8Array) => boolean): boolean => {
    for (let at = 0; at < bytes.length;) {
      if (length === undefined) {
        length = prefix.push(bytes[at] as number);
        at += 1;
        continue;
      }
      const body = bytes.subarray(at, at + length - filled);
      at += body.length;
      const frame = takeBody(body, length);
      if (frame === undefined) return true;
      reset();
      if (!onFrame(frame)) return false;
    }
    return true;
  };

  return {
    push(bytes, onFrame) {
      for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) if (!pushPart(part, onFrame)) return;
    },
    partialBytes: () => prefix.bytes() + filled,
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
