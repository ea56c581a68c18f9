/** Proofs of reads, and what is left of them once a character is another one. */
import { randomInt } from "node:crypto";
import { createClient } from "../../client/client.ts";
import { createProofDocument, type ProofDocument, verifyProofDocument } from "../../client/proof-document.ts";
import type { Stage } from "./stage.ts";
import { eventually } from "./wait.ts";

/** of each proof */
const alterations = 300;
const patienceMs = 20_000;
const key = "proof/key";

/** in each of these a character has others of its own kind: what is altered mostly stays JSON */
const kinds = ["0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "+/"];

/** The document with one character of it another one, wherever that may be; undefined where it is no JSON any more. */
const altered = (text: string): unknown => {
  const at = randomInt(text.length);
  const kind = kinds.find((characters) => characters.includes(text[at] ?? "")) ?? "";
  const others = kind.split("").filter((each) => each !== text[at]);
  if (others.length === 0) return undefined;
  try {
    return JSON.parse(text.slice(0, at) + others[randomInt(others.length)] + text.slice(at + 1));
  } catch {
    return undefined;
  }
};

/** Shows what a proof shows, and alters it many times. */
const judge = ({ genesis, book }: Stage, name: string, document: ProofDocument, value: string): void => {
  const tally = book.tally("proofs");
  const verdict = verifyProofDocument(genesis, document);
  const shown = verdict.ok && verdict.entry !== undefined ? new TextDecoder().decode(verdict.entry.value) : undefined;
  tally.check(shown === value, `the proof of ${name} shows ${shown ?? (verdict.ok ? "nothing" : verdict.message)}`);
  const text = JSON.stringify(document);
  const problems: string[] = [];
  for (let done = 0; done < alterations;) {
    const other = altered(text);
    if (other === undefined) continue;
    done += 1;
    if (verifyProofDocument(genesis, other).ok) problems.push(`believed: ${JSON.stringify(other)}`);
  }
  tally.count(alterations - problems.length, alterations, problems);
  tally.tell(`${name}: ${text.length} characters, ${alterations} times one of them altered`);
};

/** An ordered read and a certified one, each with its proof. */
export const alterProofs = async (stage: Stage): Promise<void> => {
  const { testnet, all, genesis, signal } = stage;
  const client = createClient({ genesis, urls: all.map((index) => testnet.node(index).api), signal });
  const value = `proven ${randomInt(2 ** 32)}`;
  const { sequence } = await client.put(key, value);
  judge(stage, "an ordered read", (await client.prove(key)).document, value);
  const { answer } = await eventually(
    "a checkpoint with the key",
    patienceMs,
    () => client.getCertified(key, { atLeast: sequence }),
    signal,
  );
  judge(stage, "a certified read", createProofDocument(genesis, answer), value);
};
