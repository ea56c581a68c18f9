/** Shared documents on disk: every operation's signature and place, every fork's proof, and what the index says of them (PROTOCOL §11). */
import type { Store } from "../storage/port.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import { createDocument } from "./document.ts";
import { verifyForkProof } from "./fork.ts";
import { type DocumentName, verifyOperation } from "./operation.ts";
import { type IndexEntry, loadIndex, loadRecords } from "./records.ts";

const problemOf = async (store: Store, signBytes: SignBytes, name: DocumentName, entry: IndexEntry): Promise<string | undefined> => {
  const records = await loadRecords(store, name);
  if (!records.operations.every((operation) => verifyOperation(signBytes, operation))) return "an operation is not signed by its author";
  if (!records.forks.every((fork) => verifyForkProof(signBytes, fork))) return "a fork is not proved";
  const document = createDocument(name, records);
  const same = document.digest() === entry.digest && document.size === entry.operations;
  return same ? undefined : "its operations are not those that its index entry names";
};

/**
 * One result for each document. Memory: one document.
 * @throws StoreError `corrupt`
 */
export const checkDocuments = async function* (
  store: Store,
  signBytes: SignBytes,
): AsyncGenerator<{ readonly name: DocumentName; readonly operations: number; readonly problem: string | undefined }> {
  for (const [name, entry] of await loadIndex(store)) {
    yield { name, operations: entry.operations, problem: await problemOf(store, signBytes, name, entry) };
  }
};
