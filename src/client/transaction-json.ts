/** Transactions as JSON, in the shape of `POST /v1/txn` (docs/http.md). */
import { Buffer } from "node:buffer";
import type { Comparison, SimpleOperation } from "../ledger/kv/operations.ts";
import { limits } from "../protocol/limits.ts";
import { ClientError } from "./errors.ts";
import type { Transaction } from "./key-value-calls.ts";

const refuse = (message: string): never => {
  throw new ClientError({ code: "invalid_request", message, hint: "as in docs/http.md, POST /v1/txn" });
};

type Members = Readonly<Record<string, unknown>>;

const bytesOf = (json: Members, name: "key" | "value", encodingName: "keyEncoding" | "encoding", at: string): Uint8Array => {
  const text = json[name];
  const encoding = json[encodingName] ?? "utf8";
  if (typeof text !== "string") return refuse(`${at}.${name} must be text`);
  if (encoding !== "utf8" && encoding !== "base64") return refuse(`${at}.${encodingName} must be utf8 or base64`);
  const bytes = Buffer.from(text, encoding);
  return encoding === "base64" && bytes.toString("base64") !== text ? refuse(`${at}.${name} is not base64`) : new Uint8Array(bytes);
};

const numberOf = (value: unknown, at: string): number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : refuse(`${at} must be a whole number`);

/** Each member that is there must be known: a misspelt condition would be no condition. */
const membersOf = (value: unknown, known: readonly string[], at: string): Members => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(`${at} must be an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  return unknown === undefined ? (value as Members) : refuse(`${at} has an unknown member ${unknown}`);
};

const listOf = (value: unknown, at: string): readonly unknown[] => {
  if (!Array.isArray(value)) return refuse(`${at} must be a list`);
  return value.length <= limits.maxOperationsPerRequest ? value : refuse(`${at} has more than ${limits.maxOperationsPerRequest} entries`);
};

const comparisonOf = (value: unknown, at: string): Comparison => {
  const json = membersOf(value, ["key", "keyEncoding", "version", "value", "encoding"], at);
  const key = bytesOf(json, "key", "keyEncoding", at);
  if ("version" in json === "value" in json) return refuse(`${at} must have a version or a value`);
  if ("version" in json) return { type: "version", key, version: numberOf(json["version"], `${at}.version`) };
  return { type: "value", key, value: bytesOf(json, "value", "encoding", at) };
};

const operationOf = (value: unknown, at: string): SimpleOperation => {
  const json = membersOf(value, ["type", "key", "keyEncoding", "value", "encoding", "ifVersion"], at);
  const key = bytesOf(json, "key", "keyEncoding", at);
  const expect = json["ifVersion"] === undefined ? {} : { expect: numberOf(json["ifVersion"], `${at}.ifVersion`) };
  switch (json["type"]) {
    case "put":
      return { type: "put", key, value: bytesOf(json, "value", "encoding", at), ...expect };
    case "delete":
      return "value" in json ? refuse(`${at} deletes and has a value`) : { type: "delete", key, ...expect };
    case "get":
      return "value" in json || "ifVersion" in json ? refuse(`${at} is a get with a value or a condition`) : { type: "get", key };
    default:
      return refuse(`${at}.type must be put, delete or get`);
  }
};

/**
 * @param json as parsed; nothing is assumed about its form
 * @throws ClientError `invalid_request`, naming the place
 */
export const parseTransaction = (json: unknown): Transaction => {
  const { compare = [], success, failure = [] } = membersOf(json, ["compare", "success", "failure"], "the transaction");
  return {
    compare: listOf(compare, "compare").map((each, at) => comparisonOf(each, `compare[${at}]`)),
    success: listOf(success, "success").map((each, at) => operationOf(each, `success[${at}]`)),
    failure: listOf(failure, "failure").map((each, at) => operationOf(each, `failure[${at}]`)),
  };
};
