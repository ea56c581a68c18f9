/** Runs signature checks through a pool, each at most once: those seen valid before are free, those under way are waited for. */
import type { SignatureCheck } from "./check.ts";
import { isPlausible } from "./rule.ts";
import type { Urgency, VerificationPool } from "./pool.ts";
import { createSeenSignatures, defaultSeenEntries } from "./seen.ts";

export interface CheckRunnerOptions {
  readonly pool: VerificationPool;
  /** valid signatures remembered, a power of two; 131,072 by default, 2 MiB */
  readonly seenEntries?: number;
  /** 16 bytes in place of random ones, where the same must happen each time: which signatures share a place depends on them */
  readonly seenSalt?: Uint8Array;
}

export interface CheckRunner {
  /** `done` is called once with a verdict for each check. */
  run(checks: readonly SignatureCheck[], urgency: Urgency, done: (verdicts: readonly boolean[]) => void): void;
  /** checks under way; the pool bounds them */
  readonly pending: number;
}

type Settle = (verdict: boolean) => void;

export const createCheckRunner = ({ pool, seenEntries = defaultSeenEntries, seenSalt }: CheckRunnerOptions): CheckRunner => {
  const seen = createSeenSignatures(seenEntries, seenSalt);
  const underWay = new Map<string, Settle[]>();

  const finish = (name: string, verdict: boolean): void => {
    if (verdict) seen.add(name);
    const settles = underWay.get(name) ?? [];
    underWay.delete(name);
    for (const settle of settles) settle(verdict);
  };

  /** The name under which the pool must be asked; undefined when the verdict is known or comes with that of another call. */
  const begin = (check: SignatureCheck, settle: Settle): string | undefined => {
    const name = isPlausible(check.publicKey, check.signature) ? seen.keyOf(check) : undefined;
    const waiting = name === undefined ? undefined : underWay.get(name);
    if (name === undefined) settle(false);
    else if (seen.has(name)) settle(true);
    else if (waiting !== undefined) waiting.push(settle);
    else {
      underWay.set(name, [settle]);
      return name;
    }
    return undefined;
  };

  return {
    run: (checks, urgency, done) => {
      const verdicts = checks.map(() => false);
      let open = checks.length;
      if (open === 0) return done(verdicts);
      const fresh: SignatureCheck[] = [];
      const names: string[] = [];
      for (const [index, check] of checks.entries()) {
        const settle: Settle = (verdict) => {
          verdicts[index] = verdict;
          open -= 1;
          if (open === 0) done(verdicts);
        };
        const name = begin(check, settle);
        if (name !== undefined) {
          fresh.push(check);
          names.push(name);
        }
      }
      if (fresh.length === 0) return;
      pool.verify(fresh, urgency, (results) => names.forEach((name, index) => finish(name, results[index] === true)));
    },
    get pending() {
      return underWay.size;
    },
  };
};
