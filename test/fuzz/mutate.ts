/** Damage that knows how our layouts are made: big-endian numbers, counts before lists, lengths before bytes. */
import type { Random } from "./random.ts";

/** An input never grows beyond this, bytes: above the largest frame, so that the limit itself is reached. */
const maxBytes = 17 * 1024 * 1024;

/** Where decoders have their edges. */
const edges = [0, 1, 2, 3, 4, 63, 64, 65, 127, 128, 129, 254, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 32_767, 32_768, 65_534, 65_535];
const wideEdges = [...edges, 65_536, 1_048_576, 3_145_728, 16_777_216, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const longEdges = [...wideEdges, 2 ** 32, 2 ** 53 - 1, 2 ** 53]
  .map(BigInt)
  .concat(2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n);

type Mutation = (random: Random, bytes: Uint8Array, other: Uint8Array) => Uint8Array;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts)).slice(0, maxBytes);

/** Numbers stand near the beginning of what they govern: half of the time the first bytes are meant. */
const place = (random: Random, length: number): number => (random.chance(0.5) ? random.int(Math.min(length, 160)) : random.int(length));

const flipBits: Mutation = (random, bytes) => {
  for (let count = random.pick([1, 1, 1, 2, 4, 16]); count > 0; count--) {
    const at = place(random, bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.int(8));
  }
  return bytes;
};
const setByte: Mutation = (random, bytes) => {
  bytes[place(random, bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
  return bytes;
};
/** A count or a length, one more or less, or at an edge. */
const setNumber: Mutation = (random, bytes) => {
  const width = random.pick([1, 2, 4, 8].filter((each) => each <= bytes.length));
  const at = place(random, bytes.length - width + 1);
  const view = viewOf(bytes);
  const step = random.pick([-1, 1, 0]);
  if (width === 1) view.setUint8(at, step === 0 ? random.pick(edges) : view.getUint8(at) + step);
  else if (width === 2) view.setUint16(at, step === 0 ? random.pick(edges) : view.getUint16(at) + step);
  else if (width === 4) view.setUint32(at, step === 0 ? random.pick(wideEdges) : view.getUint32(at) + step);
  else view.setBigUint64(at, step === 0 ? random.pick(longEdges) : view.getBigUint64(at) + BigInt(step));
  return bytes;
};
const truncate: Mutation = (random, bytes) => bytes.slice(0, random.int(bytes.length));
const extend: Mutation = (random, bytes) => {
  const length = random.pick([1, 2, 8, 65, 1000]);
  return join(bytes, random.chance(0.5) ? new Uint8Array(length) : random.bytes(length));
};
const splice: Mutation = (random, bytes, other) =>
  join(bytes.subarray(0, random.int(bytes.length + 1)), other.subarray(random.int(other.length + 1)));
const insertPart: Mutation = (random, bytes, other) => {
  const at = random.int(bytes.length + 1);
  const from = random.int(other.length + 1);
  return join(bytes.subarray(0, at), other.subarray(from, from + random.pick([1, 8, 32, 65, 200])), bytes.subarray(at));
};
const overwritePart: Mutation = (random, bytes, other) => {
  const from = random.int(other.length + 1);
  const part = other.subarray(from, from + random.pick([1, 8, 32, 64, 97]));
  const at = random.int(bytes.length);
  bytes.set(part.subarray(0, bytes.length - at), at);
  return bytes;
};
const repeatPart: Mutation = (random, bytes) => {
  const from = random.int(bytes.length);
  const part = bytes.subarray(from, from + random.pick([1, 4, 46, 65, 121, 400]));
  const times = random.pick([1, 1, 2, 10, 100, 1000]);
  return join(bytes.subarray(0, from), ...Array.from({ length: times }, () => part), bytes.subarray(from));
};
const removePart: Mutation = (random, bytes) => {
  const from = random.int(bytes.length);
  return join(bytes.subarray(0, from), bytes.subarray(from + random.pick([1, 2, 8, 32, 65])));
};
const swapParts: Mutation = (random, bytes) => {
  const length = random.pick([1, 8, 32, 65].filter((each) => each * 2 <= bytes.length).concat(1));
  const [one, two] = [random.int(bytes.length - length + 1), random.int(bytes.length - length + 1)];
  const [first, second] = [bytes.slice(one, one + length), bytes.slice(two, two + length)];
  bytes.set(second, one);
  bytes.set(first, two);
  return bytes;
};
const noise: Mutation = (random, bytes) => {
  const rest = random.bytes(random.pick([0, 1, 2, 3, 16, 100, 1000]));
  return random.chance(0.7) ? join(bytes.subarray(0, 1), rest) : rest;
};

const mutations: readonly Mutation[] = [
  flipBits,
  flipBits,
  setByte,
  setNumber,
  setNumber,
  setNumber,
  truncate,
  extend,
  splice,
  insertPart,
  overwritePart,
  repeatPart,
  removePart,
  swapParts,
  noise,
];

/**
 * One to four kinds of damage to a copy of `bytes`.
 *
 * @param others what parts may be taken from; not empty
 */
export const mutate = (random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array => {
  let damaged: Uint8Array = new Uint8Array(bytes);
  for (let count = random.pick([1, 1, 1, 2, 2, 3, 4]); count > 0; count--) {
    if (damaged.length === 0) return noise(random, damaged, damaged);
    damaged = random.pick(mutations)(random, damaged, random.pick(others));
  }
  return damaged;
};
