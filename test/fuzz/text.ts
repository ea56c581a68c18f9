/** Damage to texts: TOML, JSON and HTTP, cut at their tokens. */
import type { Random } from "./random.ts";

const tokensOf = (text: string): string[] => text.match(/\r?\n|[A-Za-z0-9_.+-]+|\s+|[^\sA-Za-z0-9_.+-]/g) ?? [];

/** A text never grows beyond this. */
const maxCharacters = 1_200_000;

/** What means something somewhere, or should mean nothing. */
const oddities = [
  "",
  "\0",
  "\u001b[2J",
  "\u0085",
  "\u202e",
  "\ud800",
  "é",
  "\u{1f600}",
  "'",
  '"',
  '"""',
  "=",
  "{",
  "}",
  "[",
  "]",
  "[[",
  ":",
  ",",
  "#",
  "\\",
  "%",
  "\r",
  "\n",
  "\r\n\r\n",
  "null",
  "true",
  "NaN",
  "inf",
  "-0",
  "0.0",
  "1e999",
  "9007199254740993",
  "-1",
  "0x7fffffff",
  "1979-05-27T07:32:00Z",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "a".repeat(300),
  " ".repeat(300),
];

const editTokens = (random: Random, text: string, other: string): string => {
  const tokens = tokensOf(text);
  if (tokens.length === 0) return random.pick(oddities);
  const at = random.int(tokens.length);
  const count = random.pick([1, 1, 2, 10]);
  const others = tokensOf(other);
  switch (random.int(7)) {
    case 0:
      tokens.splice(at, count);
      break;
    case 1:
      tokens.splice(at, 0, random.pick(oddities));
      break;
    case 2:
      tokens[at] = random.pick(oddities);
      break;
    case 3:
      tokens.splice(at, 0, ...tokens.slice(at, at + count));
      break;
    case 4:
      tokens[at] = random.pick(tokens);
      break;
    case 5: {
      const from = random.int(Math.max(1, others.length));
      tokens.splice(at, random.int(3), ...others.slice(from, from + random.pick([1, 5, 30])));
      break;
    }
    default:
      tokens.splice(
        at,
        0,
        (tokens[at] as string)
          .slice(0, 100)
          .repeat(random.pick([10, 1000, 5_000]))
          .slice(0, 100_000),
      );
  }
  return tokens.join("");
};

const editCharacters = (random: Random, text: string): string => {
  const at = random.int(text.length + 1);
  switch (random.int(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + random.pick([1, 2, 20]));
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.pick([random.int(32), random.int(128), random.int(0x1_0000)])) + text.slice(at);
    default:
      return text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) || 65) ^ (1 << random.int(7))) + text.slice(at + 1);
  }
};

/** One to four edits. @param others texts that parts may be taken from; not empty */
export const mutateText = (random: Random, text: string, others: readonly string[]): string => {
  let damaged = text.slice(0, maxCharacters);
  for (let count = random.pick([1, 1, 2, 3, 4]); count > 0; count--) {
    const edited = random.chance(0.7) ? editTokens(random, damaged, random.pick(others)) : editCharacters(random, damaged);
    damaged = edited.slice(0, maxCharacters);
  }
  return damaged;
};

/** Values that a JSON document should not hold where it expects another. */
const oddValues = (random: Random): unknown =>
  random.pick<unknown>([
    null,
    true,
    -1,
    0,
    1.5,
    1e300,
    2 ** 53,
    "",
    "x",
    "\u001b[2J\n",
    "\ud800",
    "a".repeat(5_000),
    [],
    {},
    [[[]]],
    { ["__proto__"]: { polluted: true } },
    { constructor: { prototype: { polluted: true } } },
    JSON.parse('{"__proto__":{"polluted":true}}'),
    Array.from({ length: 300 }, (_, index) => index),
  ]);

/** A copy of a JSON value with one part replaced, removed, doubled or renamed. */
export const mutateJson = (random: Random, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || random.chance(0.15)) return oddValues(random);
  if (Array.isArray(value)) {
    const copy: unknown[] = [...(value as unknown[])];
    const at = random.int(copy.length + 1);
    const kind = random.int(4);
    if (kind === 0) copy.splice(at, 1);
    else if (kind === 1) copy.splice(at, 0, copy[random.int(copy.length + 1)] ?? oddValues(random));
    else if (at < copy.length) copy[at] = mutateJson(random, copy[at]);
    return copy;
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const at = random.int(entries.length + 1);
  const [name, inner] = entries[at] ?? ["", undefined];
  const kind = random.int(6);
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1 || inner === undefined)
    entries.push([random.pick(["__proto__", "constructor", "extra", "\u001b[2J", "", "a".repeat(2_000)]), oddValues(random)]);
  else if (kind === 2) entries[at] = [random.pick(["Key", `${name} `, name.toUpperCase(), `${name}\n`]), inner];
  else entries[at] = [name, mutateJson(random, inner)];
  // fromEntries defines, so that `__proto__` becomes a key like any other
  return Object.fromEntries(entries);
};
