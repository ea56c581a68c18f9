/** What travels between the nodes of a world. */
import type { Digest, Sequence } from "../../../src/protocol/ids.ts";
import type {
  Batch,
  CertifiedBatch,
  Checkpoint,
  CheckpointCertificate,
  Commit,
  PrePrepare,
  Prepare,
  Request,
  Signed,
  SignedNewView,
  Status,
  ViewChange,
} from "../../../src/protocol/messages.ts";

export type Packet =
  | { readonly type: "proposal"; readonly signed: Signed<PrePrepare>; readonly batch: Batch }
  | { readonly type: "signed"; readonly signed: Signed<Prepare | Commit | Checkpoint | ViewChange> }
  | { readonly type: "new-view"; readonly signed: SignedNewView }
  | { readonly type: "relay"; readonly requests: readonly Request[] }
  | { readonly type: "fetch-batch"; readonly digest: Digest }
  | { readonly type: "batch"; readonly batch: Batch }
  | { readonly type: "fetch-blocks"; readonly from: Sequence; readonly to: Sequence }
  | { readonly type: "blocks"; readonly blocks: readonly CertifiedBatch[] }
  | { readonly type: "stable"; readonly certificate: CheckpointCertificate }
  | { readonly type: "status"; readonly status: Status };
