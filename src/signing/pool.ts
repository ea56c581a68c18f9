/** Where signatures are checked: a port, so that the simulator can bring its own, and its plainest implementation. */
import { checkSignature } from "./check.ts";
import type { SignatureCheck } from "./check.ts";
import { ed25519 } from "./ed25519.ts";

/** `urgent`: votes and view changes, which everyone waits for. `bulk`: clients' requests, and certificates of the past. */
export type Urgency = "urgent" | "bulk";

export interface VerificationPool {
  /**
   * `done` is called once with one verdict for each check: perhaps before `verify` returns, perhaps much later, and not in the order of the calls.
   * Every check has a key of 32 and a signature of 64 bytes. Nothing here is refused for lack of room.
   */
  verify(checks: readonly SignatureCheck[], urgency: Urgency, done: (verdicts: readonly boolean[]) => void): void;
  /** Stops what runs. Callbacks not called by then never are. */
  close(): Promise<void>;
}

/** Checks at once, on the caller's own thread, and calls back before `verify` returns: for tests, tools and the simulator. */
export const createInlinePool = (): VerificationPool => ({
  verify: (checks, _urgency, done) => done(checks.map((check) => checkSignature(ed25519, check))),
  close: () => Promise.resolve(),
});
