/** What can go wrong with the ledger other than the store itself (`StoreError`). */

export type LedgerErrorCode =
  /** the store holds another network's ledger, or a layout this version does not know */
  | "wrong-ledger"
  /** a sequence that was executed already, or is not the next one */
  | "wrong-sequence"
  /** more batches executed than written, beyond the bound */
  | "backlog"
  /** the application threw: it broke its contract */
  | "application-failed"
  /** the checkpoint is not kept, or not yet written */
  | "unknown-checkpoint"
  /** a restored state does not have the root it should */
  | "wrong-root"
  /** the state is being made into another one: nothing of it can be read or executed until that is done */
  | "incomplete"
  /** an earlier error left the memory behind the store; open it again */
  | "failed";

export class LedgerError extends Error {
  readonly code: LedgerErrorCode;
  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LedgerError";
    this.code = code;
  }
}
