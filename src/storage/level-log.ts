/**
 * Reads LevelDB's log format (its write-ahead log and its manifest), to see damage that LevelDB itself passes over in silence: by default it
 * drops what it can not read in the middle of a write-ahead log, and with it writes that were acknowledged.
 *
 * The file is blocks of 32 KiB; a record never crosses a block: checksum u32 ‖ length u16 ‖ type u8 ‖ data (little-endian). A write larger
 * than its place in the block is cut into records of the types first, middle…, last.
 */
import { crc32c, maskCrc } from "./crc32c.ts";

const blockBytes = 32_768;
const headerBytes = 7;
/** types: a whole record, or its first, middle and last part; 2 is the first part */
const whole = 1;
const middle = 3;
const last = 4;

export type LogVerdict =
  /** `torn`: the file ends inside a write that was therefore never acknowledged */
  | { readonly ok: true; readonly records: readonly Uint8Array[]; readonly torn: boolean }
  | { readonly ok: false; readonly offset: number; readonly reason: string };

const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;

const onlyZeros = (bytes: Uint8Array, from: number): boolean => {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
};

/**
 * A header that promises more than the file has is a write cut short, unless some shorter length makes its checksum right: then the length was
 * damaged, and what follows it may be acknowledged writes.
 */
const isDamagedLength = (bytes: Uint8Array, offset: number): boolean => {
  const wanted = u32(bytes, offset);
  let crc = crc32c(bytes, offset + 6, offset + headerBytes);
  if (maskCrc(crc) === wanted) return true;
  for (let at = offset + headerBytes; at < bytes.length; at++) {
    crc = crc32c(bytes, at, at + 1, crc);
    if (maskCrc(crc) === wanted) return true;
  }
  return false;
};

type Fragment =
  | { readonly kind: "record"; readonly type: number; readonly data: Uint8Array; readonly next: number }
  | { readonly kind: "end"; readonly torn: boolean }
  | { readonly kind: "damaged"; readonly reason: string };

const readFragment = (bytes: Uint8Array, offset: number): Fragment => {
  if (offset >= bytes.length) return { kind: "end", torn: false };
  const blockEnd = offset - (offset % blockBytes) + blockBytes;
  const end = Math.min(blockEnd, bytes.length);
  if (end - offset < headerBytes) return { kind: "end", torn: true };
  const length = (bytes[offset + 4] as number) | ((bytes[offset + 5] as number) << 8);
  const type = bytes[offset + 6] as number;
  if (type === 0 && length === 0 && u32(bytes, offset) === 0) {
    // an unsynced tail after a power failure: the file grew, its data never came
    return onlyZeros(bytes, offset) ? { kind: "end", torn: true } : { kind: "damaged", reason: "zeros before more data" };
  }
  const next = offset + headerBytes + length;
  if (next > end) {
    if (end === blockEnd) return { kind: "damaged", reason: "a record longer than its block" };
    return isDamagedLength(bytes, offset) ? { kind: "damaged", reason: "a wrong length" } : { kind: "end", torn: true };
  }
  if (maskCrc(crc32c(bytes, offset + 6, next)) !== u32(bytes, offset)) return { kind: "damaged", reason: "a checksum does not match" };
  return { kind: "record", type, data: bytes.subarray(offset + headerBytes, next), next };
};

/** Every record of a log file, or where it is damaged. Memory: twice the file's size, which LevelDB bounds by its write buffer and one batch. */
export const readLog = (bytes: Uint8Array): LogVerdict => {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let offset = 0;
  for (;;) {
    // less than a header's place at a block's end is padding
    const inBlock = offset % blockBytes;
    if (blockBytes - inBlock < headerBytes) offset += blockBytes - inBlock;
    const fragment = readFragment(bytes, offset);
    if (fragment.kind === "damaged") return { ok: false, offset, reason: fragment.reason };
    if (fragment.kind === "end") return { ok: true, records, torn: fragment.torn || parts.length > 0 };
    const inside = parts.length > 0;
    const continues = fragment.type === middle || fragment.type === last;
    if (fragment.type < whole || fragment.type > last || inside !== continues) return { ok: false, offset, reason: "records out of order" };
    if (fragment.type === whole) records.push(fragment.data);
    else parts.push(fragment.data);
    if (fragment.type === last) {
      records.push(Buffer.concat(parts));
      parts = [];
    }
    offset = fragment.next;
  }
};
