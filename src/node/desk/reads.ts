/** All reads outside of the order of requests. */
import type { Ledger } from "../../ledger/ledger.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import { createKeyValueReads, type KeyValueReads } from "./key-value-reads.ts";
import { createCertified, createStateReads, type StateReads } from "./state-reads.ts";

export interface Reads {
  readonly keyValue: KeyValueReads;
  readonly state: StateReads;
}

/** @param stable the certificate of the last stable checkpoint, undefined before the first */
export const createReads = (ledger: Ledger, stable: () => CheckpointCertificate | undefined): Reads => {
  const certified = createCertified(ledger, stable);
  return { keyValue: createKeyValueReads(ledger, certified), state: createStateReads(ledger, certified) };
};
