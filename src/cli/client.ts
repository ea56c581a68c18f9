/** Commands that ask a running node. */
import { createHttpClient } from "../client/http-client.ts";
import type { HttpClient } from "../client/http-client.ts";
import { ClientError } from "../client/errors.ts";
import { exitCodes, usageError } from "./errors.ts";
import type { Session } from "./session.ts";

/** longer than a node waits before it answers `outcome_unknown` */
export const answerTimeoutMs = 35_000;

/** @throws CliError (usage) when an --api URL is not one */
export const clientOf = (session: Session): HttpClient => {
  try {
    return createHttpClient({ urls: session.apiUrls, signal: session.io.signal, timeoutMs: answerTimeoutMs });
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
