/** Writes: signed by the command line's own key, sent until their outcome is known, verified where there is a genesis. */
import type { ResultJson } from "../client/answers.ts";
import { createSigningClient } from "../client/signing-client.ts";
import { encodeOperation } from "../ledger/kv/encoding.ts";
import type { KvOperation, KvResult } from "../ledger/kv/operations.ts";
import { takeClientNumber } from "../node/home/client-number.ts";
import { homeAt } from "../node/home/layout.ts";
import { toDigest } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { signRequest } from "../signing/signer.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import { clientOf } from "./client.ts";
import { CliError, exitCodes, usageError } from "./errors.ts";
import { clientKeyOf } from "./passphrase.ts";
import type { Session } from "./session.ts";
import { storeGenesisAtHand, type GenesisFlag, sayUnverified, verifyingClient } from "./verified.ts";

export interface Submitted {
  readonly result: ResultJson | KvResult;
  readonly sequence: number;
  readonly requestId: string;
  /** present when f+1 validators vouch for it */
  readonly verified?: true;
}

const tooLarge = (what: string, bytes: number, most: number): CliError =>
  new CliError({
    code: "too_large",
    message: `the ${what} has ${bytes} bytes`,
    hint: `at most ${most} are allowed`,
    exitCode: exitCodes.failed,
  });

/** Node.js puts this in place of bytes that are no UTF-8, before anybody sees them. */
const replacement = "\ufffd";

/**
 * An argument as it was typed: what is written must be what was meant.
 *
 * @throws CliError (usage)
 */
export const textArgument = (what: string, text: string): string => {
  if (!text.includes(replacement)) return text;
  throw usageError(
    `the ${what} is not UTF-8`,
    what === "value" ? "give it with --file" : "write it over HTTP, in percent-encoding (docs/http.md)",
  );
};

/** The key's bytes. @throws CliError */
export const keyBytes = (key: string): Uint8Array => {
  const bytes = new TextEncoder().encode(key);
  if (bytes.length === 0) throw usageError("the key is empty", "a key has 1 to 1024 bytes");
  if (bytes.length > limits.maxKeyBytes) throw tooLarge("key", bytes.length, limits.maxKeyBytes);
  return bytes;
};

/** @throws CliError */
export const checkValue = (value: Uint8Array): Uint8Array => {
  if (value.length > limits.maxValueBytes) throw tooLarge("value", value.length, limits.maxValueBytes);
  return value;
};

/** Believes the node, for want of a genesis. */
const submitUnverified = async (session: Session, operation: KvOperation): Promise<Submitted> => {
  const http = clientOf(session);
  const home = homeAt(session.home);
  const signBytes = createSignBytes(toDigest((await http.status()).genesisHash));
  const key = await clientKeyOf(session);
  const number = await takeClientNumber(home);
  const client = createSigningClient({
    http,
    sign: (sequence, operations) => signRequest(key, signBytes, { sequence, operations }),
    lastSequence: number - 1,
    wall: () => 0, // the number was chosen above, under a lock
    signal: session.io.signal,
  });
  const answer = await client.submit([encodeOperation(operation)]);
  const result = answer.result?.[0];
  if (result === undefined || answer.sequence === undefined) {
    throw new CliError({
      code: "bad_answer",
      message: "the node answered without a result",
      hint: "is its application the key-value store?",
      exitCode: 1,
    });
  }
  return { result, sequence: answer.sequence, requestId: answer.id };
};

/**
 * Orders one operation and waits for its result. A conflict is an error here, as is whatever the ledger did not do, and an answer that does not
 * hold against the genesis at hand.
 *
 * @throws CliError, ClientError
 */
export const submit = async (session: Session, operation: KvOperation, flag: GenesisFlag): Promise<Submitted> => {
  const genesis = await storeGenesisAtHand(session, flag);
  if (genesis === undefined) {
    const submitted = await submitUnverified(session, operation);
    refuseConflicts(submitted.result);
    sayUnverified(session);
    return submitted;
  }
  const { results, sequence, requestId } = await (await verifyingClient(session, genesis)).submit([operation]);
  const [result = { type: "malformed" } as const] = results;
  refuseConflicts(result);
  return { result, sequence, requestId, verified: true };
};

/** @throws CliError for what the ledger did not do */
const refuseConflicts = (result: ResultJson | KvResult, where = ""): void => {
  if (result.type === "txn-refused") return refuseConflicts(result.result, ` of operation ${result.index}, counted from 0,`);
  if (result.type === "conflict") {
    const message = result.version === 0 ? `the key${where} does not exist` : `the key${where} has version ${result.version}`;
    throw new CliError({ code: "version_conflict", message, hint: "read it again and decide anew", exitCode: exitCodes.failed });
  }
  if (result.type === "too-large" || result.type === "malformed") {
    throw new CliError({
      code: result.type.replace("-", "_"),
      message: `the network refused the operation as ${result.type}`,
      exitCode: exitCodes.failed,
    });
  }
};
