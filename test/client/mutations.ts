/** Every way to change one thing in a JSON document. */

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface Mutation {
  /** such as `proof.receipts.signatures.0.replica: 0 → 1` */
  readonly what: string;
  readonly document: unknown;
}

const otherHex = (text: string): string => (text.startsWith("0") ? `1${text.slice(1)}` : `0${text.slice(1)}`);

const otherBytes = (text: string): string => {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0) return "AA==";
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
  return bytes.toString("base64");
};

const leafMutations = (value: Json): Json[] => {
  if (typeof value === "number") return [value + 1, value - 1, value + 0.5, String(value), 2 ** 53];
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value))
    return [otherHex(value), value.toUpperCase() === value ? "" : value.toUpperCase(), value.slice(1), ""];
  if (typeof value === "string") return [otherBytes(value), `${value} `, `${value}A`, value.slice(1), 7];
  return [];
};

const listMutations = (list: readonly Json[]): Json[] => {
  const reversed = list.toReversed();
  return [
    ...list.map((_, at) => list.toSpliced(at, 1)),
    ...list.map((each, at) => list.toSpliced(at, 0, each)),
    // a list that reads the same from its end is not changed by that
    ...(JSON.stringify(reversed) === JSON.stringify(list) ? [] : [reversed]),
    {},
  ];
};

function* changes(value: Json, path: string): Generator<readonly [string, Json]> {
  if (Array.isArray(value)) {
    for (const [at, each] of value.entries()) {
      for (const [what, changed] of changes(each as Json, `${path}.${at}`)) yield [what, value.toSpliced(at, 1, changed)];
    }
    for (const [nth, changed] of listMutations(value).entries()) yield [`${path}: list ${nth}`, changed];
  } else if (typeof value === "object" && value !== null) {
    for (const [name, each] of Object.entries(value)) {
      for (const [what, changed] of changes(each as Json, `${path}.${name}`))
        yield [what, { ...(value as Record<string, Json>), [name]: changed }];
      const { [name]: _gone, ...rest } = value as Record<string, Json>;
      yield [`${path}.${name}: gone`, rest];
    }
  } else {
    for (const changed of leafMutations(value))
      if (changed !== value) yield [`${path}: ${JSON.stringify(value)} → ${JSON.stringify(changed)}`, changed];
  }
}

/** All of them; a document of a few KB has some hundreds. */
export const mutationsOf = (document: unknown): Mutation[] =>
  [...changes(JSON.parse(JSON.stringify(document)) as Json, "")].map(([what, changed]) => ({ what, document: changed }));
