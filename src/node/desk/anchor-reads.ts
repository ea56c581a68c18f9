/** What the ledger says about a shared document: now, or as of the stable checkpoint with proof (PROTOCOL §11). */
import type { Anchor } from "../../ledger/anchors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import { type AnchorProof, done, failed, type Outcome } from "../service.ts";

export interface AnchorReads {
  /** after the last executed batch; undefined before the first anchor, and while the state is being fetched */
  get(name: string): Anchor | undefined;
  prove(name: string): Outcome<AnchorProof>;
}

/** @param stable the certificate of the last stable checkpoint whose state can be read here, undefined before the first */
export const createAnchorReads = (ledger: Ledger, stable: () => CheckpointCertificate | undefined): AnchorReads => ({
  get: (name) => (ledger.incomplete ? undefined : ledger.anchor(name)),
  prove(name) {
    const checkpoint = stable();
    if (checkpoint === undefined || !ledger.checkpoints().some(({ sequence }) => sequence === checkpoint.sequence)) {
      return failed({
        code: "syncing",
        message: "this node has no stable checkpoint to certify an anchor with yet",
        hint: "ask again once the ledger has gone on for a while",
        retryAfterSeconds: 1,
      });
    }
    const { anchor, proof: path } = ledger.proveAnchor(name, checkpoint.sequence);
    return done({ ...(anchor === undefined ? {} : { anchor }), checkpoint, path });
  },
});
