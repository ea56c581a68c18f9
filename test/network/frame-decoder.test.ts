import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameError, createFrameDecoder, prefixLength, writePrefix } from "../../src/network/libp2p/frame-decoder.ts";

const encode = (frames: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(frames.reduce((sum, { byteLength }) => sum + prefixLength(byteLength) + byteLength, 0));
  let offset = 0;
  for (const frame of frames) {
    offset = writePrefix(bytes, offset, frame.byteLength);
    bytes.set(frame, offset);
    offset += frame.byteLength;
  }
  expect(offset).toBe(bytes.byteLength);
  return bytes;
};
const split = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.byteLength + 1)).sort((one, other) => one - other), bytes.byteLength];
  return at.slice(1).map((end, index) => bytes.slice(at[index], end));
};
const decode = (chunks: readonly Uint8Array[], max = 1 << 24): Uint8Array[] => {
  const decoder = createFrameDecoder(max);
  const frames: Uint8Array[] = [];
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame) > 0);
  expect(decoder.partialBytes()).toBe(0);
  return frames;
};

describe("frames", () => {
  test("come out as they went in, however the stream is cut", () => {
    const frame = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.integer({ min: 16_000, max: 70_000 }).map((size) => new Uint8Array(size).fill(size & 255)),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        const got = decode(split(encode(frames), cuts));
        expect(got.map((each) => Buffer.from(each).toString("hex"))).toEqual(frames.map((each) => Buffer.from(each).toString("hex")));
      }),
      { numRuns: 150 },
    );
  });

  test.each([1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 1 << 24])("have a length of %i bytes in its shortest form", (length) => {
    const bytes = new Uint8Array(8);
    expect(writePrefix(bytes, 0, length)).toBe(prefixLength(length));
    expect(bytes[prefixLength(length) - 1]).toBeLessThan(128);
    expect(
      decode(
        [Uint8Array.of(...bytes.subarray(0, prefixLength(length)), ...new Uint8Array(Math.min(length, 200)))].slice(length > 200 ? 1 : 0),
      ),
    ).toHaveLength(length > 200 ? 0 : 1);
  });

  test("do not keep the chunk that they came in alive", () => {
    const chunk = encode([new Uint8Array(10), new Uint8Array(60_000)]);
    const [small] = decode([chunk]);
    expect(small?.buffer.byteLength).toBe(10);
  });

  test("that come byte by byte do not keep their chunks: each would cost a hundred times its byte", () => {
    const frame = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
    const stream = encode([frame]);
    const decoder = createFrameDecoder(1 << 24);
    const got: Uint8Array[] = [];
    for (let at = 0; at < stream.byteLength; at++) {
      const chunk = stream.slice(at, at + 1);
      decoder.push(chunk, (each) => got.push(each) > 0);
      // whoever still looks at the chunk sees this
      chunk.fill(255);
      expect(decoder.partialBytes()).toBe((at + 1) % stream.byteLength);
    }
    expect(got).toEqual([frame]);
  });

  test("may stand in a list of chunks, as a muxer gives them", () => {
    const frames = [Uint8Array.of(1, 2, 3), new Uint8Array(300).fill(7), Uint8Array.of(9)];
    const decoder = createFrameDecoder(1000);
    const got: Uint8Array[] = [];
    decoder.push(split(encode(frames), [1, 2, 5, 100, 305]), (each) => got.push(each) > 0);
    expect(got).toEqual(frames);
  });

  test.each([
    ["too large", [0xe9, 0x07]],
    ["empty", [0x00]],
    ["of a length not in its shortest form", [0x81, 0x80, 0x00]],
    ["of a length with more than four bytes", [0x81, 0x81, 0x81, 0x81, 0x01]],
  ])("that are %s are refused before their bytes come", (_, bytes) => {
    expect(() => createFrameDecoder(1000).push(Uint8Array.from(bytes), () => true)).toThrow(FrameError);
  });

  test("stop coming when the receiver says so", () => {
    const decoder = createFrameDecoder(1000);
    let count = 0;
    decoder.push(encode([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]), () => {
      count += 1;
      return count < 2;
    });
    expect(count).toBe(2);
  });
});
