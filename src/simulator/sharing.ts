/** A simulated node's shared documents: the production code, opened before its network is there, and waited for wherever it uses promises. */
import type { SignatureRule } from "../documents/operation.ts";
import { createCounters } from "../node/counters.ts";
import type { Identity } from "../node/home/identity.ts";
import { createSharing, type Sharing } from "../node/sharing/sharing.ts";
import type { Network } from "../network/port.ts";
import type { Store } from "../storage/port.ts";

export interface OpenedDocuments {
  readonly sharing: Sharing;
  /** from now on its messages go somewhere */
  attach(network: Network): void;
}

export interface DocumentsToOpen {
  readonly store: Store;
  readonly identity: Identity;
  /** monotonic milliseconds of this node */
  readonly now: () => number;
  readonly isValid: SignatureRule;
  /** promises may be waiting for what just happened */
  readonly promised: () => void;
  readonly failed: () => void;
}

/** @throws StoreError `corrupt` */
export const openDocuments = async ({ store, identity, now, isValid, promised, failed }: DocumentsToOpen): Promise<OpenedDocuments> => {
  let network: Network | undefined;
  const counters = createCounters();
  const sharing = await createSharing({
    store,
    identity,
    network: {
      send: (to, channel, frame) => network?.send(to, channel, frame) === true,
      peers: () => network?.peers() ?? [],
      blame: (peer, reason) => network?.blame(peer, reason),
    },
    clock: { now },
    counters: () => counters,
    isValid,
    forked: () => undefined,
    storeFailed: failed,
  });
  return {
    sharing: {
      ...sharing,
      get settled() {
        return sharing.settled;
      },
      receive(from, bytes) {
        promised();
        sharing.receive(from, bytes);
      },
      tick() {
        promised();
        sharing.tick();
      },
    },
    attach(attached) {
      network = attached;
    },
  };
};
