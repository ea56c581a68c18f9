/** Signed requests, sent again and again: each executes once. */
import type { RequestAnswer } from "../../client/answers.ts";
import { ClientError } from "../../client/errors.ts";
import { createRequestSigner } from "../../client/request-signer.ts";
import { encodeOperation } from "../../ledger/kv/encoding.ts";
import { createKey } from "../../signing/keys.ts";
import type { Stage } from "./stage.ts";

const requests = 40;
/** at a time */
const together = 5;

/** A request that was sent, and is sent again in the end. */
interface Sent {
  readonly key: string;
  readonly bytes: Uint8Array;
}

const essence = ({ id, sequence, index, results }: RequestAnswer): string => JSON.stringify([id, sequence, index, results]);

/** Through every node at once. @returns what those said that called it executed; empty when nobody did */
const sendToAll = async ({ testnet, all }: Stage, bytes: Uint8Array): Promise<string[]> => {
  const said = await Promise.all(
    all.map(async (index) => {
      try {
        const answer = await testnet.client(index).submitRequest(bytes);
        return answer.state === "committed" ? essence(answer) : undefined;
      } catch (error) {
        if (error instanceof ClientError) return undefined;
        throw error;
      }
    }),
  );
  return said.filter((each) => each !== undefined);
};

/** Each puts a key that nobody else writes: whatever executed twice would have made a second version of it. */
export const sendAgain = async (stage: Stage): Promise<() => Promise<void>> => {
  const { testnet, n, honest, book, genesis, signal } = stage;
  const tally = book.tally("exactly-once");
  const utf8 = new TextEncoder();
  const sign = createRequestSigner(createKey(), genesis.hash);
  const first = Date.now() * 1024;
  const sent = Array.from({ length: requests }, (_, at): Sent => {
    const key = `once/${at}`;
    const { bytes } = sign(first + at, [encodeOperation({ type: "put", key: utf8.encode(key), value: utf8.encode(String(at)) })]);
    return { key, bytes };
  });
  const versionOf = async (key: string): Promise<number> => (await testnet.client(honest[0] as number).get(key))?.version ?? 0;
  for (let at = 0; at < requests; at += together) {
    signal.throwIfAborted();
    await Promise.all(
      sent.slice(at, at + together).map(async ({ key, bytes }) => {
        const answers = [...(await sendToAll(stage, bytes)), ...(await sendToAll(stage, bytes))];
        const version = await versionOf(key);
        const fine = answers.length > 0 && new Set(answers).size === 1 && version === 1;
        tally.check(fine, `${key} has version ${version}; ${answers.length} answers, ${new Set(answers).size} different ones`);
      }),
    );
  }
  tally.tell(`${requests} requests, each sent ${2 * n} times, and as often again at the end`);
  return async () => {
    for (const { key, bytes } of sent) {
      signal.throwIfAborted();
      await sendToAll(stage, bytes);
      const version = await versionOf(key);
      tally.check(version === 1, `${key} has version ${version} after it was sent again at the end`);
    }
  };
};
