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

  /** Waits for the verdict on a name. @returns whether the pool must be asked: nobody waits for it yet */
  const waitFor = (name: string, settle: Settle): boolean => {
    const waiting = underWay.get(name);
    if (waiting === undefined) underWay.set(name, [settle]);
    else waiting.push(settle);
    return waiting === undefined;
  };

  return {
    run: (checks, urgency, done) => {
      const verdicts: boolean[] = [];
      const fresh: SignatureCheck[] = [];
      const names: string[] = [];
      let open = 0;
      for (const check of checks) {
        const name = isPlausible(check.publicKey, check.signature) ? seen.keyOf(check) : undefined;
        const index = verdicts.push(name !== undefined && seen.has(name)) - 1;
        if (name === undefined || verdicts[index] === true) continue;
        open += 1;
        const settle: Settle = (verdict) => {
          verdicts[index] = verdict;
          open -= 1;
          if (open === 0) done(verdicts);
        };
        if (!waitFor(name, settle)) continue;
        fresh.push(check);
        names.push(name);
      }
      if (open === 0) return done(verdicts);
      if (fresh.length === 0) return;
      pool.verify(fresh, urgency, (results) => {
        for (let index = 0; index < names.length; index += 1) finish(names[index] as string, results[index] === true);
      });
    },
    get pending() {
      return underWay.size;
    },
  };
};
