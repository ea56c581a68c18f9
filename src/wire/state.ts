/** Parts of the state's tree, asked for and answered (PROTOCOL §7; docs/wire.md "State transfer"). */
import { Buffer } from "node:buffer";
import { limits } from "../protocol/limits.ts";
import type { FetchState, StateAnswer, StateAnswers, StateEntry, WantedPart } from "../protocol/messages.ts";
import { asBuffer } from "./bytes.ts";
import { fail, readCount, readDigest, readLength, readU8, readView } from "./reader.ts";
import type { CountRule, Reader } from "./reader.ts";
import { digestBytes } from "./sizes.ts";
import { writeBytes, writeHex32, writeU16, writeU32, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

/** digits of a path: as many as a hash has */
const maxPathDigits = 64;
/** the largest page: sixteen slots of four leaves with the longest keys */
const maxPageBytes = 512 * 1024;

const partsRule: CountRule = { width: 1, min: 1, max: limits.maxStateParts, entryBytes: 1 + digestBytes + 1 };
const answersRule: CountRule = { width: 1, min: 0, max: limits.maxStateParts, entryBytes: digestBytes + 1 };
const entriesRule: CountRule = { width: 2, min: 1, max: limits.maxPartEntries, entryBytes: 4 + 4 };

const kinds = { gone: 0, page: 1, entries: 2 } as const;

const pathBytes = (digits: number): number => Math.ceil(digits / 2);

/** digits u8 ‖ two a byte, the last half byte of an odd number 0 */
const readPath = (reader: Reader): string => {
  const digits = readU8(reader, "part.path");
  if (digits > maxPathDigits) fail(reader, "out-of-range", "part.path");
  const hex = asBuffer(readView(reader, pathBytes(digits), "part.path")).toString("hex");
  if (digits % 2 === 1 && hex.at(-1) !== "0") fail(reader, "out-of-range", "part.path");
  return hex.slice(0, digits);
};

const readPart = (reader: Reader): WantedPart => {
  const path = readPath(reader);
  const hash = readDigest(reader, "part.hash");
  const whole = readU8(reader, "part.whole");
  if (whole > 1) fail(reader, "out-of-range", "part.whole");
  return { path, hash, whole: whole === 1 };
};

/** count u8 ‖ (path ‖ hash[32] ‖ whole u8)* */
export const readFetchState = (reader: Reader): FetchState => {
  const count = readCount(reader, partsRule, "fetch-state.parts");
  const parts: WantedPart[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) parts.push(readPart(reader));
  return { kind: "fetch-state", parts };
};
export const writeFetchState = (writer: Writer, { parts }: FetchState): void => {
  writeU8(writer, parts.length);
  for (const { path, hash, whole } of parts) {
    writeU8(writer, path.length);
    writeBytes(writer, Buffer.from(path.length % 2 === 1 ? `${path}0` : path, "hex"));
    writeHex32(writer, hash);
    writeU8(writer, whole ? 1 : 0);
  }
};
export const sizeOfFetchState = ({ parts }: FetchState): number =>
  parts.reduce((sum, { path }) => sum + 1 + pathBytes(path.length) + digestBytes + 1, 1);

const readEntry = (reader: Reader): StateEntry => {
  const key = readView(reader, readLength(reader, limits.maxEntryKeyBytes, "entry.key"), "entry.key");
  return { key, value: readView(reader, readLength(reader, limits.maxStateValueBytes, "entry.value"), "entry.value") };
};

const readEntries = (reader: Reader): StateEntry[] => {
  const count = readCount(reader, entriesRule, "state.entries");
  const entries: StateEntry[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) entries.push(readEntry(reader));
  return entries;
};

const readAnswer = (reader: Reader): StateAnswer => {
  const hash = readDigest(reader, "state.hash");
  switch (readU8(reader, "state.kind")) {
    case kinds.gone:
      return { type: "gone", hash };
    case kinds.page:
      return { type: "page", hash, page: readView(reader, readLength(reader, maxPageBytes, "state.page"), "state.page") };
    case kinds.entries:
      return { type: "entries", hash, entries: readEntries(reader) };
    default:
      fail(reader, "unknown-tag", "state.kind");
      return { type: "gone", hash };
  }
};

/** count u8 ‖ (hash[32] ‖ kind u8 ‖ content)*; pages, keys and values are views of the frame */
export const readStateAnswers = (reader: Reader): StateAnswers => {
  const count = readCount(reader, answersRule, "state.answers");
  const answers: StateAnswer[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) answers.push(readAnswer(reader));
  return { kind: "state", answers };
};

const writeContent = (writer: Writer, answer: StateAnswer): void => {
  if (answer.type === "page") {
    writeU32(writer, answer.page.length);
    writeBytes(writer, answer.page);
  }
  if (answer.type !== "entries") return;
  writeU16(writer, answer.entries.length);
  for (const { key, value } of answer.entries) {
    writeU32(writer, key.length);
    writeBytes(writer, key);
    writeU32(writer, value.length);
    writeBytes(writer, value);
  }
};
export const writeStateAnswers = (writer: Writer, { answers }: StateAnswers): void => {
  writeU8(writer, answers.length);
  for (const answer of answers) {
    writeHex32(writer, answer.hash);
    writeU8(writer, kinds[answer.type]);
    writeContent(writer, answer);
  }
};

const sizeOfContent = (answer: StateAnswer): number => {
  if (answer.type === "page") return 4 + answer.page.length;
  if (answer.type === "gone") return 0;
  return answer.entries.reduce((sum, { key, value }) => sum + 8 + key.length + value.length, 2);
};

/** Bytes of one answer inside its message. */
export const sizeOfStateAnswer = (answer: StateAnswer): number => digestBytes + 1 + sizeOfContent(answer);
export const sizeOfStateAnswers = ({ answers }: StateAnswers): number =>
  answers.reduce((sum, answer) => sum + sizeOfStateAnswer(answer), 1);
