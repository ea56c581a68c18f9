/**
 * An append-only audit log as a replicated application: whoever has a key may append, nobody may change.
 *
 * Entry i is kept under the key "entry/i"; "length" says how many there are, "head" is a hash over all of them. Every entry says who wrote it (the
 * public key whose signature was checked) and when (ledger time): neither is up to the author.
 *
 * `byz start --application application.ts`, or `byz testnet up --application application.ts`.
 */
import { createHash } from "node:crypto";
import type { Application, State } from "byzantine-coordinator";

const maxTextBytes = 4096;

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // an application never throws: an exception would stop every node, again and again
  }
};

const read = (state: State, key: string): string | undefined => {
  const bytes = state.get(utf8.encode(key));
  return bytes === undefined ? undefined : textOf(bytes);
};

const write = (state: State, key: string, value: string): void => state.put(utf8.encode(key), utf8.encode(value));

export const application: Application = {
  name: "audit-log/1",

  /** The operation is the text to append; the result is its number, or why it was refused. Results of up to 64 bytes always fit. */
  apply(operation, state, { timestamp, client }) {
    const text = operation.length <= maxTextBytes ? textOf(operation) : undefined;
    if (text === undefined) return utf8.encode(`refused: not UTF-8 of at most ${maxTextBytes} bytes`);
    const number = Number(read(state, "length") ?? "0") + 1;
    const entry = JSON.stringify({ number, at: timestamp, by: client, text });
    const head = createHash("sha256")
      .update(read(state, "head") ?? "")
      .update(entry)
      .digest("hex");
    write(state, `entry/${number}`, entry);
    write(state, "length", String(number));
    write(state, "head", head);
    return utf8.encode(String(number));
  },
};
