/** Every fixed bound of shared documents, with its unit in the name (docs/documents.md, "Bounds"). */
import { limits } from "../protocol/limits.ts";
import { maxDocumentNameBytes, maxDocumentOperationBytes, maxDocumentsMessageBytes } from "../wire/sizes.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const documentLimits = {
  /** a document's name, ASCII */
  maxNameBytes: maxDocumentNameBytes,
  /** one encoded operation, signature included */
  maxOperationBytes: maxDocumentOperationBytes,
  /** changes in one operation */
  maxChanges: 64,
  /** how deep maps stand in maps */
  maxPathSegments: 8,
  /** one key of a map, UTF-8 */
  maxSegmentBytes: 64,
  /** one element of a set or list, one value of a register, UTF-8 */
  maxValueBytes: 4 * KiB,
  /** heads that an operation names: every author of the largest committee may have one */
  maxParents: limits.maxValidators,
  /** operations of one author in one document, along one history */
  maxOperationsPerAuthor: 4096,
  /** encoded operations of one author in one document, along one history */
  maxBytesPerAuthor: 1 * MiB,
  /** authors of one document that a summary can name: those of today, and of past validator sets */
  maxAuthors: 4 * limits.maxValidators,
  /** documents that a node keeps because of one author's operation */
  maxDocumentsPerAuthor: 256,
  /** documents that a node keeps; fits the largest committee with 64 each */
  maxDocuments: 8192,
  /** one synchronisation message; a summary of `maxAuthors` fits, and so does a largest operation */
  maxMessageBytes: maxDocumentsMessageBytes,
  /** operations in one message */
  maxOperationsPerMessage: 256,
  /** documents in one overview */
  maxOverviewEntries: 1024,
} as const;
