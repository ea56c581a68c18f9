/** Bytes and hex: the small helpers that every layout is made of. */
import { Buffer } from "node:buffer";

/** The same memory as a Buffer, without a copy. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Lowercase hex, two characters a byte. */
export const toHex = (bytes: Uint8Array): string => asBuffer(bytes).toString("hex");

const scratch = Buffer.allocUnsafeSlow(256);

/** One character (U+0000–U+00FF) a byte: a key of a Map, ordered as the bytes are. */
export const toLatin1 = (bytes: Uint8Array): string => {
  const { length } = bytes;
  if (length > scratch.length) return asBuffer(bytes).toString("latin1");
  // few bytes lie with their object: a second view of them would move them into memory of their own first, which costs five times as much
  scratch.set(bytes);
  return scratch.toString("latin1", 0, length);
};

/** In memory that small copies share, where they cost little: not for what stays for long. No Buffer, whose `slice` is another. */
export const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return new Uint8Array(copy.buffer, copy.byteOffset, bytes.length);
};

/** Of a lowercase hex digit. */
const digit = (hex: string, at: number): number => {
  const code = hex.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
};

const wellFormedHex = /^(?:[0-9a-f]{2})*$/;

/**
 * Bytes of lowercase hex, in memory of their own.
 *
 * @throws TypeError if `hex` is not an even number of lowercase hex digits
 */
export const fromHex = (hex: string): Uint8Array => {
  if (!wellFormedHex.test(hex)) throw new TypeError("not lowercase hex");
  const bytes = new Uint8Array(hex.length / 2);
  // not through a Buffer: so few bytes lie with their object, and a second view of them moves them into memory of their own first
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = digit(hex, 2 * index) * 16 + digit(hex, 2 * index + 1);
  return bytes;
};

/** One after the other, in memory of their own. */
export const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
};
