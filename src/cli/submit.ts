/** Writes: signed by the command line's own key, sent until their outcome is known. */
import { existsSync } from "node:fs";
import type { ResultJson } from "../client/answers.ts";
import type { HttpClient } from "../client/http-client.ts";
import { createSigningClient } from "../client/signing-client.ts";
import { encodeOperation } from "../ledger/kv/encoding.ts";
import type { KvOperation } from "../ledger/kv/operations.ts";
import { takeClientNumber } from "../node/client-number.ts";
import { loadGenesis } from "../node/genesis.ts";
import { homeAt, loadOrCreateClientKey } from "../node/home.ts";
import type { Home } from "../node/home.ts";
import { toDigest } from "../protocol/ids.ts";
import type { Digest } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { signRequest } from "../signing/signer.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import { clientOf } from "./client.ts";
import { CliError, exitCodes, usageError } from "./errors.ts";
import type { Session } from "./session.ts";

/** The network a signature is for: that of the home's genesis where there is one, else what the node says. */
const networkOf = async (home: Home, client: HttpClient): Promise<Digest> => {
  const { genesisHash } = await client.status();
  if (!existsSync(home.genesis)) return toDigest(genesisHash);
  const { hash, chainId } = loadGenesis(home.genesis);
  if (hash !== genesisHash) {
    throw new CliError({
      code: "wrong_network",
      message: `the node belongs to another network than ${chainId}, that of ${home.path}`,
      hint: "choose the home with --home, or the node with --api",
      exitCode: exitCodes.invalid,
    });
  }
  return hash;
};

export interface Submitted {
  readonly result: ResultJson;
  readonly sequence: number;
  readonly requestId: string;
}

const tooLarge = (what: string, bytes: number, most: number): CliError =>
  new CliError({ code: "too_large", message: `the ${what} has ${bytes} bytes; at most ${most} are allowed`, exitCode: exitCodes.failed });

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

/**
 * Orders one operation and waits for its result. A conflict is an error here, as is whatever the ledger did not do.
 *
 * @throws CliError, ClientError
 */
export const submit = async (session: Session, operation: KvOperation): Promise<Submitted> => {
  const http = clientOf(session);
  const home = homeAt(session.home);
  const signBytes = createSignBytes(await networkOf(home, http));
  const key = loadOrCreateClientKey(home);
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
  return { result: refuseConflicts(result), sequence: answer.sequence, requestId: answer.id };
};

const refuseConflicts = (result: ResultJson): ResultJson => {
  if (result.type === "conflict") {
    const message = result.version === 0 ? "the key does not exist" : `the key has version ${result.version}`;
    throw new CliError({ code: "version_conflict", message, hint: "read it again and decide anew", exitCode: exitCodes.failed });
  }
  if (result.type === "too-large" || result.type === "malformed") {
    throw new CliError({
      code: result.type.replace("-", "_"),
      message: `the network refused the operation as ${result.type}`,
      exitCode: exitCodes.failed,
    });
  }
  return result;
};
