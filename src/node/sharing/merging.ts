/** Shared documents around one engine: told to whom there is, merged after a cut, reported, anchored in the ledger (PROTOCOL §10, §11). */
import type { PeerName } from "../../protocol/ids.ts";
import type { Parameters } from "../../protocol/limits.ts";
import { createAnchoring } from "./anchoring.ts";
import type { Clock } from "../clock.ts";
import type { Desk } from "../desk/desk.ts";
import type { Engine } from "../pipeline/engine.ts";
import type { Identity } from "../home/identity.ts";
import type { NodeData } from "../data/node-data.ts";
import { createReconciliation, type Reconciliation } from "./reconciliation.ts";
import type { Sharing } from "./sharing.ts";

export interface MergingOptions {
  readonly sharing: Sharing;
  readonly identity: Identity;
  readonly parameters: Parameters;
  readonly data: Pick<NodeData, "ledger">;
  readonly desk: Pick<Desk, "standing" | "submission">;
  /** asked only once the engine exists */
  readonly engine: () => Pick<Engine, "presence" | "replica">;
  readonly clock: Clock;
}

export interface Merging {
  readonly reconciliation: Reconciliation;
  /** nothing of the others' documents has come for a moment */
  merged(): boolean;
  onPeer(peer: PeerName, up: boolean): void;
  /** Call it about ten times a second. */
  tick(): void;
}

export const createMerging = (options: MergingOptions): Merging => {
  const { sharing, identity, desk, engine, clock } = options;
  const reconciliation = createReconciliation(identity.committee);
  const anchoring = createAnchoring({
    identity,
    ledger: options.data.ledger,
    documents: sharing.documents,
    submission: desk.submission,
    clock,
    sessionWindow: options.parameters.sessionWindow,
    isAble: () => desk.standing.unavailable() === undefined && !engine().replica.describe().passive,
    anchored: (name, { digest, sequence }) => engine().presence.anchored(name, { digest, sequence }),
  });
  sharing.listen((name, added) => {
    reconciliation.added(name, added);
    anchoring.changed(name);
  });
  let linked = "";

  return {
    reconciliation,
    merged: () => sharing.settled,
    onPeer(peer, up) {
      if (up) sharing.greet(peer);
    },
    tick() {
      // a one-way cut leaves the channels as they are: only heartbeats tell that it is over
      const now = engine().presence.linked().join();
      if (now !== linked) sharing.meet();
      linked = now;
      sharing.tick();
      anchoring.tick();
    },
  };
};
