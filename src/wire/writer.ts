/** Fixed layouts are written into memory of exactly the right size: a size that does not fit is a bug and throws. */
import { Buffer } from "node:buffer";

export interface Writer {
  readonly buffer: Buffer;
  offset: number;
}

const twoTo32 = 0x1_0000_0000;

export const writeU8 = (writer: Writer, value: number): void => {
  writer.offset = writer.buffer.writeUInt8(value, writer.offset);
};
export const writeU16 = (writer: Writer, value: number): void => {
  writer.offset = writer.buffer.writeUInt16BE(value, writer.offset);
};
export const writeU32 = (writer: Writer, value: number): void => {
  writer.offset = writer.buffer.writeUInt32BE(value, writer.offset);
};
/** `value` is an unsigned safe integer. */
export const writeU64 = (writer: Writer, value: number): void => {
  writer.buffer.writeUInt32BE(Math.floor(value / twoTo32), writer.offset);
  writer.offset = writer.buffer.writeUInt32BE(value % twoTo32, writer.offset + 4);
};
/** A digest or a public key: 64 hex characters, 32 bytes. */
export const writeHex32 = (writer: Writer, hex: string): void => {
  writer.offset += writer.buffer.write(hex, writer.offset, 32, "hex");
};
export const writeBytes = (writer: Writer, bytes: Uint8Array): void => {
  writer.buffer.set(bytes, writer.offset);
  writer.offset += bytes.length;
};

/**
 * What is written is bytes of its own, often in memory that small encodings share: an array buffer for each costs more than all the rest.
 *
 * @param size bytes that `write` will fill, to the last one
 * @throws RangeError if it fills fewer or more: a digest or signature of the wrong length, or a bug
 */
export const encodeSized = (size: number, write: (writer: Writer) => void): Uint8Array => {
  const buffer = Buffer.allocUnsafe(size);
  const writer: Writer = { buffer, offset: 0 };
  write(writer);
  if (writer.offset !== size) throw new RangeError(`encoded ${writer.offset} bytes where the layout has ${size}`);
  // no Buffer, whose `slice` is another
  return new Uint8Array(buffer.buffer, buffer.byteOffset, size);
};
