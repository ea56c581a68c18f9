/** Values and keys as the command line shows them. */
import { Buffer, isUtf8 } from "node:buffer";
import type { ValueEncoding } from "../client/answers.ts";

/** UTF-8 where it is, else base64, marked as such. */
export const valueMembers = (value: Uint8Array): { readonly value: string; readonly encoding: ValueEncoding } => {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  return isUtf8(bytes) ? { value: bytes.toString("utf8"), encoding: "utf8" } : { value: bytes.toString("base64"), encoding: "base64" };
};

export const valueText = ({ value, encoding }: { readonly value: string; readonly encoding: ValueEncoding }): string =>
  encoding === "utf8" ? value : `base64:${value}`;

/** Likewise a key. */
export const keyMembers = (key: Uint8Array): { readonly key: string; readonly keyEncoding?: "base64" } => {
  const { value, encoding } = valueMembers(key);
  return encoding === "utf8" ? { key: value } : { key: value, keyEncoding: "base64" };
};

export const keyText = ({ key, keyEncoding }: { readonly key: string; readonly keyEncoding?: "base64" }): string =>
  keyEncoding === undefined ? key : `base64:${key}`;
