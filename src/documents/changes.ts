/**
 * What an operation does to a document (PROTOCOL §11; docs/documents.md "Changes"), and its bytes. Decoding is total; one layout per change, so what
 * decodes encodes to the same bytes.
 */
import { Buffer } from "node:buffer";
import type { Digest } from "../protocol/ids.ts";
import { concatBytes, fromHex } from "../wire/bytes.ts";
import { fail, readCount, readDigest, readU64, readU8, readView } from "../wire/reader.ts";
import type { CountRule, Reader } from "../wire/reader.ts";
import { encodeSized, writeU64 } from "../wire/writer.ts";
import { documentLimits } from "./limits.ts";

/** Keys from the document's root down; 1 to `maxPathSegments`, each 1 to `maxSegmentBytes` of UTF-8. All but the last name maps. */
export type Path = readonly string[];

/** An element of a list: the operation that inserted it (absent: the very operation that speaks), and the change's position there. */
export interface ElementRef {
  readonly operation?: Digest;
  readonly index: number;
}

/**
 * Whatever takes something away (`set-remove`, `register-set`, `list-remove`, `clear`) takes away what its author had seen: the effects of the
 * operation's ancestors, and of the changes before it in its own operation. What others did meanwhile stays.
 */
export type Change =
  /** `amount` is a safe integer other than 0 */
  | { readonly type: "counter-add"; readonly path: Path; readonly amount: number }
  | { readonly type: "set-add"; readonly path: Path; readonly value: string }
  | { readonly type: "set-remove"; readonly path: Path; readonly value: string }
  | { readonly type: "register-set"; readonly path: Path; readonly value: string }
  /** behind an element, or first when `after` is absent */
  | { readonly type: "list-insert"; readonly path: Path; readonly value: string; readonly after?: ElementRef }
  | { readonly type: "list-remove"; readonly path: Path; readonly element: ElementRef }
  /** everything at the path and beneath it */
  | { readonly type: "clear"; readonly path: Path };

const tags = {
  "counter-add": 1,
  "set-add": 2,
  "set-remove": 3,
  "register-set": 4,
  "list-insert": 5,
  "list-remove": 6,
  clear: 7,
} as const;
const refTags = { none: 0, own: 1, other: 2 } as const;

const segmentsRule: CountRule = { width: 1, min: 1, max: documentLimits.maxPathSegments, entryBytes: 2 };
const segmentRule: CountRule = { width: 1, min: 1, max: documentLimits.maxSegmentBytes, entryBytes: 1 };
const valueRule: CountRule = { width: 2, min: 0, max: documentLimits.maxValueBytes, entryBytes: 1 };

/* ------------------------------------------------------------------ writing */

const encodeText = (text: string, rule: CountRule, what: string): Uint8Array => {
  if (!text.isWellFormed()) throw new RangeError(`${what} is not well-formed Unicode`);
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length < rule.min || bytes.length > rule.max) {
    throw new RangeError(`${what} has ${rule.min} to ${rule.max} bytes of UTF-8, not ${bytes.length}`);
  }
  const length = rule.width === 1 ? [bytes.length] : [bytes.length >> 8, bytes.length & 0xff];
  return concatBytes([Uint8Array.from(length), bytes]);
};

const encodePath = (path: Path): Uint8Array => {
  if (path.length < 1 || path.length > documentLimits.maxPathSegments) {
    throw new RangeError(`a path has 1 to ${documentLimits.maxPathSegments} keys, not ${path.length}`);
  }
  return concatBytes([Uint8Array.of(path.length), ...path.map((segment) => encodeText(segment, segmentRule, "a key"))]);
};

const encodeRef = (ref: ElementRef | undefined): Uint8Array => {
  if (ref === undefined) return Uint8Array.of(refTags.none);
  if (!Number.isInteger(ref.index) || ref.index < 0 || ref.index >= documentLimits.maxChanges) {
    throw new RangeError("an element's index is the position of a change");
  }
  if (ref.operation === undefined) return Uint8Array.of(refTags.own, ref.index);
  return concatBytes([Uint8Array.of(refTags.other), fromHex(ref.operation), Uint8Array.of(ref.index)]);
};

const encodeAmount = (amount: number): Uint8Array => {
  if (!Number.isSafeInteger(amount) || amount === 0) throw new RangeError("an amount is a safe integer other than 0");
  return encodeSized(9, (writer) => {
    writer.offset = writer.buffer.writeUInt8(amount < 0 ? 1 : 0, 0);
    writeU64(writer, Math.abs(amount));
  });
};

const encodeRest = (change: Change): Uint8Array => {
  switch (change.type) {
    case "counter-add":
      return encodeAmount(change.amount);
    case "set-add":
    case "set-remove":
    case "register-set":
      return encodeText(change.value, valueRule, "a value");
    case "list-insert":
      return concatBytes([encodeRef(change.after), encodeText(change.value, valueRule, "a value")]);
    case "list-remove":
      return encodeRef(change.element);
    case "clear":
      return new Uint8Array(0);
  }
};

/**
 * tag u8 ‖ path ‖ what the type needs.
 *
 * @throws RangeError for what breaks a limit, and for text that is not well-formed Unicode
 */
export const encodeChange = (change: Change): Uint8Array =>
  concatBytes([Uint8Array.of(tags[change.type]), encodePath(change.path), encodeRest(change)]);

/* ------------------------------------------------------------------ reading */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const readText = (reader: Reader, rule: CountRule, field: string): string => {
  const bytes = readView(reader, readCount(reader, rule, field), field);
  try {
    return decoder.decode(bytes);
  } catch {
    fail(reader, "out-of-range", field);
    return "";
  }
};

const readPath = (reader: Reader): string[] => {
  const count = readCount(reader, segmentsRule, "change.path");
  const path: string[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) path.push(readText(reader, segmentRule, "change.path"));
  return path;
};

const readIndex = (reader: Reader): number => {
  const index = readU8(reader, "change.element");
  if (index >= documentLimits.maxChanges) fail(reader, "out-of-range", "change.element");
  return index;
};

const readRef = (reader: Reader): ElementRef | undefined => {
  switch (readU8(reader, "change.element")) {
    case refTags.none:
      return undefined;
    case refTags.own:
      return { index: readIndex(reader) };
    case refTags.other: {
      const operation = readDigest(reader, "change.element");
      return { operation, index: readIndex(reader) };
    }
    default:
      fail(reader, "out-of-range", "change.element");
      return undefined;
  }
};

const readAmount = (reader: Reader): number => {
  const sign = readU8(reader, "change.amount");
  const magnitude = readU64(reader, "change.amount");
  if (sign > 1 || magnitude === 0) fail(reader, "out-of-range", "change.amount");
  return sign === 1 ? -magnitude : magnitude;
};

const readListInsert = (reader: Reader, path: Path): Change => {
  const after = readRef(reader);
  const value = readText(reader, valueRule, "change.value");
  return { type: "list-insert", path, value, ...(after === undefined ? {} : { after }) };
};

const readListRemove = (reader: Reader, path: Path): Change | undefined => {
  const element = readRef(reader);
  if (element !== undefined) return { type: "list-remove", path, element };
  fail(reader, "out-of-range", "change.element");
  return undefined;
};

/** One change, which knows its own end; undefined exactly when the reader has an error. */
export const readChange = (reader: Reader): Change | undefined => {
  const tag = readU8(reader, "change");
  const path = readPath(reader);
  switch (tag) {
    case tags["counter-add"]:
      return { type: "counter-add", path, amount: readAmount(reader) };
    case tags["set-add"]:
      return { type: "set-add", path, value: readText(reader, valueRule, "change.value") };
    case tags["set-remove"]:
      return { type: "set-remove", path, value: readText(reader, valueRule, "change.value") };
    case tags["register-set"]:
      return { type: "register-set", path, value: readText(reader, valueRule, "change.value") };
    case tags["list-insert"]:
      return readListInsert(reader, path);
    case tags["list-remove"]:
      return readListRemove(reader, path);
    case tags.clear:
      return { type: "clear", path };
    default:
      fail(reader, "out-of-range", "change");
      return undefined;
  }
};
