/** What an executed sequence came to, and paths of single answers under it (PROTOCOL §3.6): computed when somebody asks, never before. */
import { createResultProver, decodeAnswers, type ResultProof, type ResultProver } from "../../ledger/answers.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import { toSequence } from "../../protocol/ids.ts";
import type { ExecutionRoots } from "../../protocol/messages.ts";
import type { History } from "../data/history.ts";

/** One executed, durable sequence. */
export interface Execution {
  readonly roots: ExecutionRoots;
  /** the log hash before it: with the batch's digest it gives `roots.logHash` */
  readonly previousLogHash: Digest;
  /** of the stored answers: what computing it took */
  readonly bytes: number;
  prove(index: number): ResultProof;
}

export interface Executions {
  /** undefined when it was not executed here yet, or is no longer kept */
  of(sequence: Sequence): Execution | undefined;
  /** whether `of` has it at hand, and costs nothing */
  has(sequence: Sequence): boolean;
}

/** Trees over answers that are kept; the one asked for longest ago goes first. At most 0.3 MB each. */
const MAX_KEPT = 32;

export const createExecutions = (history: Pick<History, "header" | "results">, genesisLogHash: Digest): Executions => {
  const kept = new Map<Sequence, Execution>();

  const logHashBefore = (sequence: Sequence): Digest | undefined =>
    sequence === 1 ? genesisLogHash : history.header(toSequence(sequence - 1))?.logHash;

  const compute = (sequence: Sequence): Execution | undefined => {
    if (sequence < 1) return undefined;
    const header = history.header(sequence);
    const results = header === undefined ? undefined : history.results(sequence);
    const answers = results === undefined ? undefined : decodeAnswers(results);
    const previousLogHash = logHashBefore(sequence);
    if (header === undefined || answers === undefined || previousLogHash === undefined) return undefined;
    const prover: ResultProver = createResultProver(answers);
    const { certificate, stateRoot, logHash } = header;
    return {
      roots: { epoch: certificate.epoch, sequence, requests: answers.length, resultsRoot: prover.root, stateRoot, logHash },
      previousLogHash,
      bytes: results?.length ?? 0,
      prove: (index) => prover.prove(index),
    };
  };

  return {
    of(sequence) {
      const found = kept.get(sequence) ?? compute(sequence);
      if (found === undefined) return undefined;
      kept.delete(sequence);
      kept.set(sequence, found);
      for (const oldest of kept.keys()) {
        if (kept.size <= MAX_KEPT) break;
        kept.delete(oldest);
      }
      return found;
    },
    has: (sequence) => kept.has(sequence),
  };
};
