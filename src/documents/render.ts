/**
 * One document, one text (PROTOCOL §11; docs/documents.md "What is shown"): canonical JSON, keys and set members in the order of their UTF-8 bytes, no white
 * space. Two honest nodes with the same operations show the same bytes.
 */
import { Buffer } from "node:buffer";
import type { Element, Field, List } from "./fields.ts";

/** What stands under one key: a member for each type that has something there. */
export interface ShownField {
  /** exact in the bytes; beyond 2^53 the nearest double here */
  readonly counter?: number;
  readonly list?: readonly { readonly id: string; readonly value: string }[];
  readonly map?: ShownFields;
  /** one value, or each of those that were written at the same time */
  readonly register?: readonly string[];
  readonly set?: readonly string[];
}
export interface ShownFields {
  readonly [key: string]: ShownField;
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));

const quote = (text: string): string => JSON.stringify(text);

const showTexts = (texts: Iterable<string>): string => `[${[...new Set(texts)].sort(byBytes).map(quote).join(",")}]`;

/** Elements in the list's order: each before those that were inserted behind it. Without recursion: a list may be one long chain. */
const inOrder = (list: List): Element[] => {
  const elements: Element[] = [];
  const stack = list.first.toReversed();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    elements.push(next);
    for (const follower of next.followers.toReversed()) stack.push(follower);
  }
  return elements;
};

const showElement = ({ by, index, value }: Element): string => `{"id":"${by.operation.id}:${index}","value":${quote(value)}}`;

/** Undefined when nothing is there. */
const showField = (field: Field): string | undefined => {
  const members: string[] = [];
  if (field.counter.length > 0) members.push(`"counter":${field.counter.reduce((sum, { amount }) => sum + BigInt(amount), 0n)}`);
  const elements = inOrder(field.list).filter(({ removed }) => !removed);
  if (elements.length > 0) members.push(`"list":[${elements.map(showElement).join(",")}]`);
  const map = showFields(field);
  if (map !== "{}") members.push(`"map":${map}`);
  if (field.register.length > 0) members.push(`"register":${showTexts(field.register.map(({ value }) => value))}`);
  if (field.set.size > 0) members.push(`"set":${showTexts(field.set.keys())}`);
  return members.length === 0 ? undefined : `{${members.join(",")}}`;
};

/** The fields below `root` as canonical JSON. */
export const showFields = (root: Field): string => {
  const members: string[] = [];
  for (const [key, field] of [...root.children].sort(([a], [b]) => byBytes(a, b))) {
    const shown = showField(field);
    if (shown !== undefined) members.push(`${quote(key)}:${shown}`);
  }
  return `{${members.join(",")}}`;
};
