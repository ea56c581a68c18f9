/** Carries out a transfer of the state (PROTOCOL §7): between the replica, which decides whom to ask, and the ledger, which knows what is true. */
import type { Input, PartVerdict } from "../../consensus/input.ts";
import { LedgerError } from "../../ledger/errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { StateReceiver } from "../../ledger/transfer/receiver.ts";
import type { Digest, ReplicaIndex } from "../../protocol/ids.ts";
import type { CheckpointCertificate, StateAnswer, WantedPart } from "../../protocol/messages.ts";
import { StoreError } from "../../storage/port.ts";

export interface TransferProgress {
  /** the sequence whose state is fetched */
  readonly target: number;
  /** of that state, what is here, 0 to 1 */
  readonly fraction: number;
  /** fetched since the transfer began in this life of the node */
  readonly entries: number;
  readonly bytes: number;
  /** monotonic milliseconds */
  readonly since: number;
}

export interface Transferring {
  /** Makes the state into this checkpoint's from now on; what was aimed at before is given up, what is there stays unless it is `fresh`. */
  begin(target: CheckpointCertificate, fresh: boolean): void;
  /** A peer is being asked for these parts: its answer may come. */
  asked(peer: ReplicaIndex, parts: readonly WantedPart[]): void;
  /** False when nothing of it was asked for: dropped. */
  arrived(from: ReplicaIndex, answers: readonly StateAnswer[]): boolean;
  /** undefined while nothing is fetched */
  progress(): TransferProgress | undefined;
  /** in all transfers of this life */
  fetched(): Pick<TransferProgress, "entries" | "bytes">;
}

export interface TransferringOptions {
  readonly ledger: Pick<Ledger, "receive" | "adopt" | "position">;
  readonly step: (input: Input) => void;
  /** the ledger is another one: before the replica goes on with it */
  readonly adopted: () => void;
  readonly storeFailed: (error: StoreError) => void;
  /** monotonic milliseconds */
  readonly now: () => number;
}

export const createTransferring = ({ ledger, step, adopted, storeFailed, now }: TransferringOptions): Transferring => {
  let receiver: StateReceiver | undefined;
  let begun: { readonly since: number; readonly entries: number; readonly bytes: number } | undefined;
  /** by receivers that are done or given up */
  const total = { entries: 0, bytes: 0 };
  /** hashes of what peers were asked for and did not answer yet: one question each */
  const asked = new Map<ReplicaIndex, ReadonlySet<Digest>>();
  /** one thing after the other: a new target waits until everything is written */
  let working: Promise<void> = Promise.resolve();

  const failed = (error: unknown): void => {
    receiver = undefined;
    if (error instanceof StoreError) storeFailed(error);
    else if (error instanceof LedgerError) storeFailed(new StoreError("corrupt", error.message, { cause: error }));
    else throw error;
  };
  const inTurn = (work: () => Promise<void>): void => {
    working = working.then(work).catch(failed);
  };
  const written = (of: StateReceiver): Promise<void> =>
    new Promise((resolve, reject) => of.written((error) => (error === undefined ? resolve() : reject(error))));

  const fetched = (): Pick<TransferProgress, "entries" | "bytes"> => ({
    entries: total.entries + (receiver?.progress.entries ?? 0),
    bytes: total.bytes + (receiver?.progress.bytes ?? 0),
  });
  /** What an earlier target brought counts, too. */
  const giveUp = (): void => {
    if (receiver === undefined) return;
    total.entries += receiver.progress.entries;
    total.bytes += receiver.progress.bytes;
    receiver = undefined;
  };

  const finish = async (own: StateReceiver): Promise<void> => {
    if (own !== receiver) return;
    await ledger.adopt(own.target);
    const { sequence } = own.target;
    giveUp();
    begun = undefined;
    adopted();
    step({ type: "transferred", sequence, timestamp: ledger.position().timeMs });
  };

  const judge = (own: StateReceiver, answer: StateAnswer): PartVerdict => {
    const received = own.receive(answer);
    return { hash: answer.hash, outcome: received.status, missing: received.status === "kept" ? received.missing : [] };
  };

  const accept = (from: ReplicaIndex, answers: readonly StateAnswer[]): void => {
    const own = receiver;
    // nothing is waited for while another aim is taken
    if (own === undefined || own.complete) return step({ type: "state", from, verdicts: [] });
    try {
      const verdicts = answers.map((answer) => judge(own, answer));
      own.written((error) => {
        if (error !== undefined) return failed(error);
        step({ type: "state", from, verdicts });
        if (own.complete && own === receiver) inTurn(() => finish(own));
      });
    } catch (error) {
      failed(error);
    }
  };

  return {
    begin(target, fresh) {
      const { sequence, stateRoot, logHash } = target;
      const previous = receiver;
      begun ??= { since: now(), ...fetched() };
      giveUp();
      inTurn(async () => {
        if (previous !== undefined) await written(previous);
        const own = await ledger.receive({ sequence, stateRoot, logHash }, fresh);
        const missing = own.start();
        await written(own);
        receiver = own;
        step({ type: "transfer-begun", sequence, missing });
        if (own.complete) await finish(own);
      });
    },
    asked: (peer, parts) => void asked.set(peer, new Set(parts.map(({ hash }) => hash))),
    arrived(from, answers) {
      const wanted = asked.get(from);
      // what was asked for before the transfer took another aim comes too late
      if (wanted === undefined || (answers.length > 0 && !answers.some(({ hash }) => wanted.has(hash)))) return false;
      asked.delete(from);
      accept(from, answers);
      return true;
    },
    progress() {
      if (begun === undefined) return undefined;
      const { entries, bytes } = fetched();
      return {
        target: receiver?.target.sequence ?? 0,
        fraction: receiver?.progress.fraction ?? 0,
        entries: entries - begun.entries,
        bytes: bytes - begun.bytes,
        since: begun.since,
      };
    },
    fetched,
  };
};
