/** The judges: they watch every step of every honest node and take no part. A violation ends the run. */
import { culpritsOf } from "../../../src/protocol/evidence.ts";
import type { Restored } from "../../../src/consensus/config.ts";
import type { Effect } from "../../../src/consensus/effect.ts";
import { EARLY_PER_SENDER } from "../../../src/consensus/state.ts";
import type { Digest, ReplicaIndex, Sequence } from "../../../src/protocol/ids.ts";
import type { Batch, CommitCertificate, ConsensusMessage, NewView, ViewChange } from "../../../src/protocol/messages.ts";
import type { RejectionReason } from "../../../src/protocol/rejections.ts";
import type { Roots } from "./disk.ts";
import type { WorldNode } from "./node.ts";
import { arithmetic, type Verifier } from "./verify.ts";

export class Violation extends Error {
  readonly invariant: string;
  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}

export interface Judge {
  violation(invariant: string, detail: string): never;
  born(self: ReplicaIndex, restored: Restored): void;
  effect(node: WorldNode, effect: Effect): void;
  /** A signed message leaves its node. */
  said(node: WorldNode, message: ConsensusMessage): void;
  executed(self: ReplicaIndex, certificate: CommitCertificate, batch: Batch, position: number, roots: Roots): void;
  afterStep(node: WorldNode): void;
  readonly reasons: ReadonlyMap<RejectionReason, number>;
  readonly evidence: ReadonlyMap<string, number>;
  readonly viewChanges: number;
  /** how often one was made or entered */
  readonly newViews: number;
  readonly top: number;
  readonly requests: number;
}

interface Life {
  /** highest view of each sequence's prepared certificate, known to this life */
  readonly prepared: Map<Sequence, number>;
  view: number;
  steps: number;
}

/** @param liars nodes whose own words and verdicts do not count */
export const createJudge = (n: number, poolRequests: number, verifier: Verifier, liars: ReadonlySet<ReplicaIndex>): Judge => {
  const history = new Map<number, { readonly digest: Digest; readonly roots: Roots }>();
  /** where each request is ordered, and the view that its batch was first proposed in */
  const placeOfRequest = new Map<Digest, { readonly sequence: number; readonly view: number | undefined }>();
  /**
   * The first view in which anybody accepted a batch. Two batches of one view never share a request; of different views they may: a batch
   * that prepared somewhere comes back after its requests were proposed again, and the ledger runs each once.
   */
  const firstView = new Map<Digest, number>();
  const spoken = new Map<string, string>();
  const askedView = new Map<ReplicaIndex, number>();
  const lives = new Map<ReplicaIndex, Life>();
  const reasons = new Map<RejectionReason, number>();
  const evidence = new Map<string, number>();
  const quorum = arithmetic(n).q;
  let viewChanges = 0;
  let newViews = 0;
  let top = 0;

  const violation = (invariant: string, detail: string): never => {
    throw new Violation(invariant, detail);
  };
  const require = (holds: boolean, invariant: string, detail: () => string): void => {
    if (!holds) violation(invariant, detail());
  };
  const lifeOf = (self: ReplicaIndex): Life => lives.get(self) ?? { prepared: new Map(), view: 0, steps: 0 };

  const judgeViewChange = (self: ReplicaIndex, message: ViewChange): void => {
    viewChanges += 1;
    const claimed = new Map(message.prepared.map((one) => [one.sequence, one.view as number]));
    for (const [sequence, view] of lifeOf(self).prepared) {
      if (sequence <= message.stable.sequence) continue;
      require((claimed.get(sequence) ?? -1) >= view, "prepared-is-carried", () =>
        `#${self} leaves out sequence ${sequence}, prepared in view ${view}`);
    }
  };

  const judgeNewView = (self: ReplicaIndex, message: NewView): void => {
    newViews += 1;
    require(message.viewChanges.length === quorum, "certificates", () =>
      `#${self} takes a NEW-VIEW on ${message.viewChanges.length} VIEW-CHANGEs`);
    require(verifier.implied(message), "new-view-is-implied", () =>
      `#${self} takes a NEW-VIEW for ${message.view} that does not follow from its VIEW-CHANGEs`);
  };

  const contentOf = (message: ConsensusMessage): string => {
    switch (message.kind) {
      case "pre-prepare":
      case "prepare":
      case "commit":
        return message.digest;
      case "checkpoint":
        return `${message.stateRoot} ${message.logHash}`;
      case "view-change":
        return `${message.stable.sequence} ${message.prepared.map((one) => `${one.sequence}:${one.view}:${one.digest}`).join()}`;
      case "new-view":
        return `${message.viewChanges.map((one) => one.message.replica).join()} ${message.proposals.map((one) => `${one.sequence}:${one.digest}`).join()}`;
    }
  };

  const isDurable = ({ disk }: WorldNode, message: ConsensusMessage): boolean => {
    if ("view" in message && message.view > disk.view) return false;
    if (message.kind === "pre-prepare" || message.kind === "prepare") {
      return message.sequence <= disk.stable.sequence || disk.accepted(message.view, message.sequence) === message.digest;
    }
    if (message.kind !== "commit" || message.sequence <= disk.stable.sequence) return true;
    const certificate = disk.prepared(message.sequence);
    return certificate !== undefined && certificate.view >= message.view;
  };

  return {
    violation,
    born(self, restored) {
      lives.set(self, {
        prepared: new Map(restored.prepared.map(({ certificate }) => [certificate.sequence, certificate.view as number])),
        view: restored.view,
        steps: 0,
      });
    },
    effect(node, effect) {
      const self = node.index;
      if (effect.type === "reject") reasons.set(effect.rejection.reason, (reasons.get(effect.rejection.reason) ?? 0) + 1);
      if (liars.has(self)) return;
      switch (effect.type) {
        case "save": {
          const { record } = effect;
          if (record.type === "prepared") {
            require(verifier.prepared(record.certificate), "certificates", () => `#${self} made a bad prepared certificate`);
            lifeOf(self).prepared.set(record.certificate.sequence, record.certificate.view);
          }
          if (record.type === "accepted") firstView.set(record.digest, Math.min(record.view, firstView.get(record.digest) ?? record.view));
          if (record.type === "entered-view") judgeNewView(self, record.newView.message);
          if (record.type === "stable")
            require(verifier.stable(record.certificate), "certificates", () => `#${self} made a bad stable checkpoint`);
          return;
        }
        case "execute":
          return require(verifier.block({ certificate: effect.certificate, batch: effect.batch }), "certificates", () =>
            `#${self} executes ${effect.certificate.sequence} on a bad commit certificate`);
        case "announce":
          return effect.message.kind === "view-change" ? judgeViewChange(self, effect.message) : judgeNewView(self, effect.message);
        case "broadcast":
          if (effect.message.kind === "checkpoint") return;
          return require(effect.message.view >= (askedView.get(self) ?? 0), "left-views-are-left", () =>
            `#${self} votes in view ${(effect.message as { view: number }).view} after its view change to ${askedView.get(self)}`);
        case "evidence":
          evidence.set(effect.evidence.kind, (evidence.get(effect.evidence.kind) ?? 0) + 1);
          return require(culpritsOf(effect.evidence).every((culprit) => liars.has(culprit)), "no-honest-is-accused", () =>
            `#${self} holds ${effect.evidence.kind} against #${culpritsOf(effect.evidence).join()}`);
        case "reject":
          return require(effect.rejection.action === "ignore" ||
            effect.from === undefined ||
            liars.has(effect.from), "no-honest-is-blamed", () =>
            `#${self} blames #${effect.from} for ${effect.rejection.reason} (${effect.input})`);
        case "halt":
          return violation("no-honest-halts", `#${self} ${effect.reason}: ${effect.detail}`);
        default:
      }
    },
    said(node, message) {
      const self = node.index;
      if (liars.has(self)) return;
      require(isDurable(node, message), "durable-before-spoken", () => `#${self} says ${message.kind} of what is not on its disk`);
      const place = `${"view" in message ? message.view : ""}/${"sequence" in message ? message.sequence : ""}`;
      const key = `${self} ${message.kind} ${place}`;
      const content = contentOf(message);
      const before = spoken.get(key);
      require(before === undefined || before === content, "nothing-is-unsaid", () =>
        `#${self} says two ${message.kind} for ${place}: ${before} and ${content}`);
      spoken.set(key, content);
      if (message.kind === "view-change") askedView.set(self, Math.max(message.view, askedView.get(self) ?? 0));
    },
    executed(self, certificate, batch, position, roots) {
      if (liars.has(self)) return;
      const { sequence, digest } = certificate;
      require(sequence === position, "order", () => `#${self} executes ${sequence} in place ${position}`);
      const known = history.get(sequence);
      if (known === undefined) {
        history.set(sequence, { digest, roots });
        top = Math.max(top, sequence);
        for (const { id } of batch.requests) {
          const earlier = placeOfRequest.get(id);
          const view = firstView.get(digest);
          require(earlier === undefined || earlier.view !== view, "integrity", () =>
            `request ${id.slice(-6)} is proposed for ${earlier?.sequence} and for ${sequence} in view ${view}`);
          placeOfRequest.set(id, { sequence, view });
        }
        return;
      }
      require(known.digest === digest, "agreement", () => `#${self} executes ${digest} at ${sequence}, others ${known.digest}`);
      require(known.roots.stateRoot === roots.stateRoot && known.roots.logHash === roots.logHash, "determinism", () =>
        `#${self} has other roots at ${sequence}`);
    },
    afterStep(node) {
      const self = node.index;
      const life = lifeOf(self);
      life.steps += 1;
      if (life.steps % 8 !== 0 || liars.has(self)) return;
      const { view, earlyMessages, pool } = node.replica.describe();
      require(view >= life.view, "views-go-up", () => `#${self} goes from view ${life.view} to ${view}`);
      life.view = view;
      require(earlyMessages <= EARLY_PER_SENDER * n, "bounds", () => `#${self} keeps ${earlyMessages} early messages`);
      require(pool.requests <= poolRequests, "bounds", () => `#${self} keeps ${pool.requests} requests`);
    },
    reasons,
    evidence,
    get viewChanges() {
      return viewChanges;
    },
    get newViews() {
      return newViews;
    },
    get top() {
      return top;
    },
    get requests() {
      return placeOfRequest.size;
    },
  };
};
