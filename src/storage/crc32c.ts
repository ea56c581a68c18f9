/** CRC-32C (Castagnoli), the checksum inside LevelDB's files; `node:zlib` has only the other polynomial. Eight bytes a step. */

const polynomial = 0x82f63b78;

const makeTables = (): Uint32Array => {
  const made = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    made[byte] = value;
  }
  for (let index = 256; index < made.length; index++) {
    const previous = made[index - 256] as number;
    made[index] = (previous >>> 8) ^ (made[previous & 0xff] as number);
  }
  return made;
};
const table = makeTables();

/**
 * @param bytes the data; only `start` (inclusive) to `end` (exclusive) is read
 * @param crc the checksum of what precedes it, 0 at first
 */
export const crc32c = (bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number => {
  let value = ~crc;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const low =
      value ^
      ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24));
    value =
      (table[1792 + (low & 0xff)] as number) ^
      (table[1536 + ((low >>> 8) & 0xff)] as number) ^
      (table[1280 + ((low >>> 16) & 0xff)] as number) ^
      (table[1024 + (low >>> 24)] as number) ^
      (table[768 + (bytes[at + 4] as number)] as number) ^
      (table[512 + (bytes[at + 5] as number)] as number) ^
      (table[256 + (bytes[at + 6] as number)] as number) ^
      (table[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) value = (value >>> 8) ^ (table[(value ^ (bytes[at] as number)) & 0xff] as number);
  return ~value >>> 0;
};

/** LevelDB stores checksums rotated and shifted, so that a checksum of data which holds checksums stays a good one. */
export const maskCrc = (crc: number): number => ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
