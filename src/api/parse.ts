/** From the bytes of a request target or a body to checked values. Everything that throws, throws a `Refusal`. */
import { Buffer, isUtf8 } from "node:buffer";
import type { z } from "zod";
import { refuseInvalid } from "./problem.ts";
import { schemaWords } from "./schema-words.ts";

const hexDigit = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
};

/**
 * The bytes that a part of a URL stands for. Any byte can be written as `%XX`; `+` means itself.
 *
 * @throws Refusal `invalid_request` when a `%` is not followed by two hexadecimal digits
 */
export const percentDecode = (text: string): Uint8Array => {
  // a request target comes as one character per byte
  const bytes = Buffer.from(text, "latin1");
  let to = bytes.indexOf(37);
  if (to === -1) return bytes;
  for (let from = to; from < bytes.length; from += 1, to += 1) {
    let byte = bytes[from] as number;
    if (byte === 37) {
      const high = hexDigit(bytes[from + 1] ?? 0);
      const low = hexDigit(bytes[from + 2] ?? 0);
      if (high < 0 || low < 0) refuseInvalid(`bad percent-encoding at "${text.slice(from, from + 3)}"`, "write a % as %25");
      byte = high * 16 + low;
      from += 2;
    }
    bytes[to] = byte;
  }
  return bytes.subarray(0, to);
};

/** One character per byte, so that names and values of any bytes survive until a schema judges them. */
const queryText = (part: string): string => Buffer.from(percentDecode(part.replaceAll("+", "%20"))).toString("latin1");

/** The bytes of a query parameter that stands for bytes. */
export const queryBytes = (value: string): Uint8Array => Buffer.from(value, "latin1");

const issueText = (error: z.ZodError): string => {
  const issue = error.issues[0];
  if (issue === undefined) return "not valid";
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
};

/** what a schema makes of no query at all, which is the most frequent one; each call for it gets the same object */
const withoutQuery = new WeakMap<z.ZodType, unknown>();

/**
 * @param query what follows the `?`; each parameter at most once, none that the schema does not know
 * @throws Refusal `invalid_request`
 */
export const parseQuery = <S extends z.ZodType>(schema: S, query: string): z.output<S> => {
  if (query === "" && withoutQuery.has(schema)) return withoutQuery.get(schema) as z.output<S>;
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of query === "" ? [] : query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = queryText(equals === -1 ? part : part.slice(0, equals));
    if (name in values) refuseInvalid(`the query parameter "${name}" is given twice`);
    values[name] = equals === -1 ? "" : queryText(part.slice(equals + 1));
  }
  const parsed = schema.safeParse(values, { error: schemaWords });
  if (!parsed.success) return refuseInvalid(`query: ${issueText(parsed.error)}`);
  if (query === "") withoutQuery.set(schema, parsed.data);
  return parsed.data;
};

/** @throws Refusal `invalid_request` when it is not UTF-8, not JSON or not what the schema wants */
export const parseJsonBody = <S extends z.ZodType>(schema: S, body: Uint8Array): z.output<S> => {
  if (!isUtf8(body)) return refuseInvalid("the body is not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch {
    return refuseInvalid("the body is not JSON");
  }
  const parsed = schema.safeParse(value, { error: schemaWords });
  return parsed.success ? parsed.data : refuseInvalid(`body: ${issueText(parsed.error)}`);
};

/** @throws Refusal `invalid_request` unless the media type, without its parameters, is one of these */
export const requireMediaType = (header: string | undefined, accepted: readonly string[]): string => {
  if (header !== undefined && accepted.includes(header)) return header;
  const type = (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!accepted.includes(type)) refuseInvalid(`content-type "${type}" is not ${accepted.join(" or ")}`);
  return type;
};

const entityTag = /^"(0|[1-9][0-9]{0,15})"$/;

/**
 * The version that a write expects, from its preconditions: `If-Match: "VERSION"`, or `If-None-Match: *` for 0, the absent key.
 *
 * @throws Refusal `invalid_request` for anything else: to ignore a precondition would be worse than to refuse it
 */
export const expectedVersion = (ifMatch: string | undefined, ifNoneMatch: string | undefined): number | undefined => {
  if (ifMatch !== undefined && ifNoneMatch !== undefined) return refuseInvalid("If-Match and If-None-Match exclude each other");
  if (ifNoneMatch !== undefined) {
    return ifNoneMatch.trim() === "*" ? 0 : refuseInvalid("If-None-Match takes only *", "it means: the key must not exist");
  }
  if (ifMatch === undefined) return undefined;
  const version = Number(entityTag.exec(ifMatch.trim())?.[1] ?? Number.NaN);
  return Number.isSafeInteger(version) ? version : refuseInvalid('If-Match takes one version in quotes, such as "3"');
};
