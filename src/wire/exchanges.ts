/** What a client asks and a node answers on the client protocol (docs/wire.md "Client protocol"): the HTTP interface's exchanges in a fixed layout. */
import { Buffer } from "node:buffer";
import { limits } from "../protocol/limits.ts";
import { type Decoded, decodeWhole, fail, readU8, readView, type Reader } from "./reader.ts";
import { encodeSized, writeBytes, writeU16, writeU8 } from "./writer.ts";

export interface ClientQuestion {
  readonly method: "GET" | "POST";
  /** path and query as in HTTP, ASCII */
  readonly target: string;
  readonly body: Uint8Array;
}

export interface ClientAnswer {
  /** as in HTTP */
  readonly status: number;
  /** 0: not told */
  readonly retryAfterSeconds: number;
  /** JSON */
  readonly body: Uint8Array;
}

/** a key of 1024 bytes, each percent-encoded, with room for what stands around it */
const maxTargetBytes = 4 * 1024;
/** one whole question */
export const maxQuestionBytes = 3 + maxTargetBytes + limits.maxRequestBytes;
/** one whole answer: results of a largest request, in JSON and base64, twice over */
export const maxClientAnswerBytes = 8 * 1024 * 1024;

const methods = ["GET", "POST"] as const;

const readU16 = (reader: Reader, field: string): number => readU8(reader, field) * 256 + readU8(reader, field);
const rest = (reader: Reader, field: string): Uint8Array => readView(reader, Math.max(0, reader.end - reader.offset), field).slice();

/** @throws RangeError when the target is longer than {@link maxTargetBytes} */
export const encodeQuestion = ({ method, target, body }: ClientQuestion): Uint8Array => {
  if (target.length > maxTargetBytes) throw new RangeError(`a target of ${target.length} bytes, more than ${maxTargetBytes}`);
  return encodeSized(3 + target.length + body.length, (writer) => {
    writeU8(writer, methods.indexOf(method));
    writeU16(writer, target.length);
    writer.offset += writer.buffer.write(target, writer.offset, "latin1");
    writeBytes(writer, body);
  });
};

/** Total: any bytes give a question or what is wrong with them. */
export const decodeQuestion = (bytes: Uint8Array): Decoded<ClientQuestion> =>
  decodeWhole(bytes, maxQuestionBytes, "question", (reader) => {
    const method = methods[readU8(reader, "question.method")];
    if (method === undefined) fail(reader, "out-of-range", "question.method");
    const length = readU16(reader, "question.target");
    if (length > maxTargetBytes) fail(reader, "too-large", "question.target");
    const text = Buffer.from(readView(reader, length, "question.target")).toString("latin1");
    if (!/^\/[!-~]*$/.test(text)) fail(reader, "out-of-range", "question.target");
    return { method: method ?? "GET", target: text, body: rest(reader, "question.body") };
  });

export const encodeClientAnswer = ({ status, retryAfterSeconds, body }: ClientAnswer): Uint8Array =>
  encodeSized(4 + body.length, (writer) => {
    writeU16(writer, status);
    writeU16(writer, Math.min(0xffff, Math.max(0, Math.ceil(retryAfterSeconds))));
    writeBytes(writer, body);
  });

/** Total. */
export const decodeClientAnswer = (bytes: Uint8Array): Decoded<ClientAnswer> =>
  decodeWhole(bytes, maxClientAnswerBytes, "answer", (reader) => {
    const status = readU16(reader, "answer.status");
    if (status < 200 || status > 599) fail(reader, "out-of-range", "answer.status");
    return { status, retryAfterSeconds: readU16(reader, "answer.retryAfter"), body: rest(reader, "answer.body") };
  });
