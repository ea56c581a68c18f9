/** Committed batches into the ledger and onto the disk in one write, then to those who wait for answers (PROTOCOL §3.5, §3.6, §4). */
import { encodeAnswers, type Answer } from "../../ledger/answers.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Batch, CheckpointCertificate, CommitCertificate } from "../../protocol/messages.ts";
import type { Journal } from "./journal.ts";
import type { Keeping } from "../data/keeping.ts";
import { encodeBlockHeader, encodeRequestPlaces, keys, put } from "../data/records.ts";

/** One executed, durable batch. */
export interface Executed {
  readonly sequence: Sequence;
  readonly answers: readonly Answer[];
  readonly certificate: CommitCertificate;
}

export interface Execution {
  /** Runs the batch in its turn; `done` once it is durable. */
  run(certificate: CommitCertificate, batch: Batch, done: (sequence: Sequence, stateRoot: Digest, logHash: Digest) => void): void;
  /** Certified reads move to this checkpoint; what was kept for older ones is let go. */
  stable(certificate: CheckpointCertificate): void;
}

export interface ExecutionOptions {
  readonly ledger: Ledger;
  readonly keeping: Keeping;
  readonly executed: (executed: Executed) => void;
  readonly stabilised: (certificate: CheckpointCertificate) => void;
}

/** Batches executed ahead of the disk; more wait in their order. Below the ledger's own bound. */
export const maxUnwritten = 64;

interface Ordered {
  readonly certificate: CommitCertificate;
  readonly batch: Batch;
  readonly done: (sequence: Sequence, stateRoot: Digest, logHash: Digest) => void;
}

export const createExecution = ({ ledger, keeping, executed, stabilised }: ExecutionOptions, journal: Journal): Execution => {
  /** bounded by what consensus hands over ahead of `executed`: a window, or one answer to FETCH-BLOCKS */
  const waiting: Ordered[] = [];
  let unwritten = 0;

  const execute = ({ certificate, batch, done }: Ordered): void => {
    const { sequence, digest } = certificate;
    const { answers, stateRoot, logHash, timeMs, writes } = ledger.execute({
      sequence,
      timestamp: batch.timestamp,
      digest,
      requests: batch.requests,
    });
    journal.save(writes);
    journal.save([
      put(keys.block(sequence), encodeBlockHeader({ certificate, logHash, stateRoot, timestamp: timeMs })),
      put(keys.results(sequence), encodeAnswers(answers)),
      ...encodeRequestPlaces(sequence, answers),
    ]);
    unwritten += 1;
    journal.after(() => {
      unwritten -= 1;
      ledger.written(sequence);
      executed({ sequence, answers, certificate });
      done(sequence, stateRoot, logHash);
      pump();
    });
  };

  const pump = (): void => {
    while (unwritten < maxUnwritten) {
      const next = waiting.shift();
      if (next === undefined) return;
      execute(next);
    }
  };

  return {
    run(certificate, batch, done) {
      // at once, also when its turn comes later: a slot that is accepted because this batch was handed over brings none of its own
      journal.save(keeping.ordered(certificate.sequence, batch));
      waiting.push({ certificate, batch, done });
      pump();
    },
    stable(certificate) {
      const older = ledger.checkpoints().findLast(({ sequence }) => sequence < certificate.sequence);
      // a failure to remove is the store's last: every later write reports it
      if (older !== undefined) ledger.release(older.sequence).catch(() => undefined);
      stabilised(certificate);
    },
  };
};
