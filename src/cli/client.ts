/** Commands that ask a running node. */
import { existsSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { createHttpClient } from "../client/http-client.ts";
import type { HttpClient } from "../client/http-client.ts";
import { ClientError } from "../client/errors.ts";
import { CliError, exitCodes, usageError } from "./errors.ts";
import { homeAt } from "../node/home/layout.ts";
import type { Session } from "./session.ts";

/** longer than a node waits before it answers `outcome_unknown` */
export const answerTimeoutMs = 35_000;

const isOfThisMachine = (text: string): boolean => {
  const host = URL.canParse(text) ? new URL(text).hostname.replaceAll(/^\[|\]$/g, "") : "";
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  // 0.0.0.0 is how a node says that it listens everywhere
  return ["localhost", "0.0.0.0", ...own].includes(host);
};

/**
 * The bearer token for the nodes to ask: that of --token-file; else the home's own, which only nodes of this machine are given, since it is nobody
 * else's business.
 *
 * @throws CliError, or the system's error for a file that was named and can not be read
 */
export const tokenOf = ({ tokenFile, home, apiUrls }: Session): string | undefined => {
  const { apiToken } = homeAt(home);
  const file = tokenFile ?? (existsSync(apiToken) && apiUrls.every(isOfThisMachine) ? apiToken : undefined);
  if (file === undefined) return undefined;
  const token = readFileSync(file, "utf8").trim();
  if (!/^[\x21-\x7e]{1,256}$/.test(token)) {
    throw new CliError({
      code: "invalid_token",
      message: `${file} does not hold a token`,
      hint: "it is what the node has in api.token in its home",
      exitCode: exitCodes.invalid,
    });
  }
  return token;
};

/** What every client of these nodes is made with. */
export const clientOptions = (
  session: Session,
): { readonly urls: readonly string[]; readonly signal: AbortSignal; readonly token?: string } => {
  const token = tokenOf(session);
  return { urls: session.apiUrls, signal: session.io.signal, ...(token === undefined ? {} : { token }) };
};

/** @throws CliError (usage) when an --api URL is not one */
export const clientOf = (session: Session): HttpClient => {
  try {
    return createHttpClient({ ...clientOptions(session), timeoutMs: answerTimeoutMs });
  } catch (error) {
    if (error instanceof ClientError && error.code === "invalid_request") throw usageError(error.message, error.hint ?? "see --api");
    throw error;
  }
};

const watchIntervalMs = 1000;

const sleep = (session: Session): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, watchIntervalMs);
    function done(): void {
      clearTimeout(timer);
      session.io.signal.removeEventListener("abort", done);
      resolve();
    }
    session.io.signal.addEventListener("abort", done, { once: true });
  });

/**
 * Shows something once or, with --watch, again every second until interrupted; then a node that does not answer is shown as that, and asked again.
 */
export const showing = async (session: Session, watch: boolean | undefined, show: () => Promise<void>): Promise<number> => {
  if (watch !== true) {
    await show();
    return exitCodes.done;
  }
  while (!session.io.signal.aborted) {
    if (session.io.colour && !session.json) session.io.stdout("\u001b[H\u001b[2J");
    try {
      await show();
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (error.code === "aborted") break;
      session.note(error.message);
    }
    await sleep(session);
  }
  return exitCodes.interrupted;
};
