/** What a schema complains of, in the words of the other complaints: each goes on behind the name of the place. */
import type { z } from "zod";

const kinds: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "an object",
  string: "a text",
};

const units: Readonly<Record<string, string>> = { array: " entries", string: " characters" };

const list = (values: readonly unknown[]): string => values.map(String).join(", ");

type RawIssue = z.core.$ZodRawIssue;

const bound = (word: "at least" | "at most", origin: string, limit: number | bigint): string =>
  `must ${units[origin] === undefined ? "be" : "have"} ${word} ${limit}${units[origin] ?? ""}`;

/**
 * For `safeParse(…, { error: schemaWords })`. Schemas that say themselves what is wrong win.
 *
 * @returns such as `is missing` or `must be a text`; undefined leaves it to zod
 */
export const schemaWords = (issue: RawIssue): string | undefined => {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is missing" : `must be ${kinds[issue.expected] ?? issue.expected}`;
    case "unrecognized_keys":
      return `has unknown keys: ${list(issue.keys)}`;
    case "too_small":
      return bound("at least", issue.origin, issue.minimum);
    case "too_big":
      return bound("at most", issue.origin, issue.maximum);
    case "invalid_value":
      return `must be one of ${list(issue.values)}`;
    case "invalid_union":
      return Array.isArray(issue.options) ? `must be one of ${list(issue.options)}` : undefined;
    default:
      return undefined;
  }
};
