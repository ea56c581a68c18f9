/** A stream's bytes into the frame decoder, cut anywhere; judged by a second decoder that sees the whole stream at once. */
import { createFrameDecoder, FrameError, prefixLength, writePrefix } from "../../../src/network/libp2p/frame-decoder.ts";
import { hexOf, withinMemory } from "../target.ts";
import type { Target } from "../target.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";

const frameOf = (payload: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(prefixLength(payload.length) + payload.length);
  frame.set(payload, writePrefix(frame, 0, payload.length));
  return frame;
};

/** Prefixes that must not be believed: overlong, endless, empty, enormous. */
const badPrefixes = [
  [0x00],
  [0x80, 0x00],
  [0x81, 0x00],
  [0x81, 0x80, 0x00],
  [0x80, 0x80, 0x80, 0x00],
  [0x80, 0x80, 0x80, 0x80, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x08],
  [0x81, 0x80, 0x80, 0x08],
].map((bytes) => Uint8Array.from(bytes));

const makeStream = (random: Random, maxFrameBytes: number): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (let count = random.int(7); count > 0; count--) {
    const size = random.pick([
      1,
      2,
      126,
      127,
      128,
      129,
      999,
      1000,
      16_383,
      16_384,
      maxFrameBytes - 1,
      maxFrameBytes,
      random.between(1, 500),
    ]);
    parts.push(frameOf(new Uint8Array(Math.min(size, 70_000)).fill(random.int(256))));
  }
  if (random.chance(0.5)) parts.splice(random.int(parts.length + 1), 0, random.pick(badPrefixes));
  const stream = new Uint8Array(Buffer.concat(parts));
  return random.chance(0.5) && stream.length > 0 ? mutate(random, stream, [stream, ...badPrefixes]) : stream;
};

/** Where the stream is cut. */
const chunksOf = (random: Random, stream: Uint8Array): Uint8Array[] => {
  const chunks: Uint8Array[] = [];
  const most = random.pick([1, 2, 3, 100, 5_000, stream.length + 1]);
  const oneByOne = most <= 3 && stream.length > 4_000;
  for (let at = 0; at < stream.length;) {
    const size = oneByOne && at > 2_000 ? 60_000 : random.between(1, most);
    chunks.push(stream.slice(at, at + size));
    at += size;
  }
  return chunks;
};

interface Verdict {
  readonly frames: readonly Uint8Array[];
  readonly broken: boolean;
  /** bytes behind the last whole frame */
  readonly rest: number;
}

/** The rule read from docs/wire.md: the shortest varint of at most four bytes, from 1 to the channel's bound. */
const expected = (stream: Uint8Array, maxFrameBytes: number): Verdict => {
  const frames: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    let length = 0;
    let used = 0;
    let byte = 0x80;
    while (byte >= 0x80 && used < 4 && at + used < stream.length) {
      byte = stream[at + used] as number;
      length += (byte & 0x7f) * 128 ** used;
      used += 1;
    }
    if (byte >= 0x80 && used < 4) return { frames, broken: false, rest: stream.length - at };
    if (byte >= 0x80 || (byte === 0 && used > 1) || length === 0 || length > maxFrameBytes) return { frames, broken: true, rest: 0 };
    if (at + used + length > stream.length) return { frames, broken: false, rest: stream.length - at };
    frames.push(stream.slice(at + used, at + used + length));
    at += used + length;
  }
};

const observed = (chunks: readonly Uint8Array[], maxFrameBytes: number): Verdict => {
  const decoder = createFrameDecoder(maxFrameBytes);
  const frames: Uint8Array[] = [];
  try {
    for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame) > 0);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { frames, broken: true, rest: 0 };
  }
  return { frames, broken: false, rest: decoder.partialBytes() };
};

const describe = ({ frames, broken, rest }: Verdict): string =>
  `${frames.length} frames of ${frames.map(({ length }) => length).join(", ")} bytes, ${broken ? "then refused" : `then ${rest} bytes`}`;

export const framing: Target = {
  name: "framing",
  about: "the length prefix of a stream: overlong, endless and enormous ones, cut anywhere",
  open: () => ({
    next(random) {
      const maxFrameBytes = random.pick([1_000, 65_536, 16 * 1024 * 1024]);
      const stream = makeStream(random, maxFrameBytes);
      const chunks = chunksOf(random, stream);
      return {
        input: () =>
          `at most ${maxFrameBytes}, in chunks of ${chunks
            .map(({ length }) => length)
            .slice(0, 50)
            .join(" ")}: ${hexOf(stream)}`,
        run() {
          const should = expected(stream, maxFrameBytes);
          const does = withinMemory(stream.length, () => observed(chunks, maxFrameBytes));
          const same =
            should.frames.length === does.frames.length &&
            should.frames.every((frame, index) => Buffer.compare(frame, does.frames[index] as Uint8Array) === 0);
          if (!same || should.broken !== does.broken || should.rest !== does.rest) {
            throw new Error(`the decoder gave ${describe(does)}; the rule gives ${describe(should)}`);
          }
        },
      };
    },
  }),
};
