/** All judges of a universe together: they watch every step, every word and every answer of its honest nodes and take no part. */
import type { ReplicaSettings } from "../../consensus/config.ts";
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Replica } from "../../consensus/replica.ts";
import { keys } from "../../node/data/records.ts";
import type { NodeData } from "../../node/data/node-data.ts";
import type { Committee } from "../../protocol/committee.ts";
import { culpritsOf, type ConflictingCommits, type ConflictingStableCheckpoints, type Evidence } from "../../protocol/evidence.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Parameters } from "../../protocol/limits.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import type { FrameDecoders } from "../../wire/frames.ts";
import type { Notary } from "../notary.ts";
import type { SimulatedNode } from "../node.ts";
import { createCertificateJudge, type CertificateJudge } from "./certificates.ts";
import { type ClientJudge, createClientJudge } from "./clients.ts";
import { createHistoryJudge, type HistoryJudge } from "./history.ts";
import { createStepsJudge } from "./steps.ts";
import { createWordsJudge, type WordsJudge } from "./words.ts";
import type { Violate } from "./violation.ts";

export interface Court {
  readonly history: HistoryJudge;
  readonly words: WordsJudge;
  readonly clients: ClientJudge;
  /** after each step of a replica, before its effects are carried out */
  stepped(node: SimulatedNode, input: Input, effects: readonly Effect[], replica: Replica): void;
  started(node: SimulatedNode, data: NodeData): void;
  /** an honest node counts something against a peer */
  blamed(node: number, peer: number, reason: string): void;
  /** reasons for which honest nodes refused something, and how often */
  readonly reasons: ReadonlyMap<RejectionReason, number>;
  /** by culprit, the kinds of proof that honest nodes found */
  readonly accused: ReadonlyMap<number, ReadonlySet<Evidence["kind"]>>;
  /** states that honest nodes fetched to the end */
  readonly transfers: number;
}

export interface CourtOptions {
  readonly committee: Committee;
  readonly genesisHash: Digest;
  readonly genesisLogHash: Digest;
  readonly emptyDigest: Digest;
  readonly notary: Notary;
  readonly decoders: FrameDecoders;
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  /** whether this validator's words and deeds are judged */
  readonly isHonest: (validator: number) => boolean;
  readonly violate: Violate;
}

const isFork = ({ first, second, newView }: ConflictingCommits, certificates: CertificateJudge): boolean =>
  first.sequence === second.sequence &&
  first.digest !== second.digest &&
  certificates.committed(first) &&
  certificates.committed(second) &&
  (newView === undefined || certificates.newView(newView));

const isForkOfStates = ({ first, second }: ConflictingStableCheckpoints, certificates: CertificateJudge): boolean =>
  first.epoch === second.epoch &&
  first.sequence === second.sequence &&
  first.stateRoot + first.logHash !== second.stateRoot + second.logHash &&
  certificates.stable(first) &&
  certificates.stable(second);

/** Both messages are the culprit's own and contradict each other; of the kinds that need no protocol state. */
const isProof = (evidence: Evidence, certificates: CertificateJudge): boolean => {
  if (evidence.kind === "conflicting-votes") {
    const { first, second, culprit } = evidence;
    const [a, b] = [first.message, second.message];
    const sameSlot = a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && a.sequence === b.sequence;
    return (
      sameSlot &&
      a.digest !== b.digest &&
      [first, second].every(
        ({ message, signature }) => message.replica === culprit && certificates.vote(message.kind, culprit, message, signature),
      )
    );
  }
  if (evidence.kind === "bad-new-view") return certificates.carried(evidence.newView.message) === undefined;
  if (evidence.kind === "invalid-batch") return true;
  if (evidence.kind === "conflicting-commits") return isFork(evidence, certificates);
  // found beside the replica, never by it
  if (evidence.kind === "forked-document") return false;
  if (evidence.kind === "conflicting-stable-checkpoints") return isForkOfStates(evidence, certificates);
  const [a, b] = [evidence.first.message, evidence.second.message];
  return a.replica === evidence.culprit && b.replica === evidence.culprit && JSON.stringify(a) !== JSON.stringify(b);
};

export const createCourt = (options: CourtOptions): Court => {
  const { committee, parameters, settings, violate, isHonest } = options;
  const certificates = createCertificateJudge(committee, options.genesisHash, options.notary, options.emptyDigest);
  const words = createWordsJudge(committee.validators.length, certificates, options.decoders.consensus, violate);
  const history = createHistoryJudge({ ...options, certificates, committed: words.committed });
  const clients = createClientJudge(history, violate);
  const reasons = new Map<RejectionReason, number>();
  let transfers = 0;
  const accused = new Map<number, Set<Evidence["kind"]>>();
  const steps = createStepsJudge({ n: committee.validators.length, parameters, settings, violate });

  const judgeEvidence = (node: number, evidence: Evidence): void => {
    const { kind } = evidence;
    const culprits = culpritsOf(evidence);
    for (const culprit of culprits) {
      accused.set(culprit, (accused.get(culprit) ?? new Set<Evidence["kind"]>()).add(kind));
      if (isHonest(culprit)) violate("detection-soundness", `#${node} holds ${kind} against #${culprit}, who is honest`);
    }
    if (!isProof(evidence, certificates)) violate("detection-soundness", `what #${node} calls ${kind} of #${culprits.join()} is no proof`);
  };

  const judgeEffect = (node: number, effect: Effect): void => {
    switch (effect.type) {
      case "save":
        if (effect.record.type === "prepared") words.prepared(node, effect.record.certificate);
        else if (effect.record.type === "entered-view") words.entered(node, effect.record.newView);
        else if (effect.record.type === "stable") {
          const { certificate } = effect.record;
          if (!certificates.stable(certificate)) violate("certificates", `#${node} takes a bad checkpoint certificate as stable`);
          history.stable(node, certificate.sequence, certificate.stateRoot, certificate.logHash);
          steps.stable(certificate.sequence);
        }
        return;
      case "execute":
        return history.ordered(node, effect.certificate, effect.batch);
      case "evidence":
        return judgeEvidence(node, effect.evidence);
      case "reject": {
        const { reason, action } = effect.rejection;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        if (action === "blame" && effect.from !== undefined && isHonest(effect.from))
          violate("detection-soundness", `#${node} blames #${effect.from}, who is honest, for ${reason}`);
        return;
      }
      case "halt":
        // one whose disk was set back finds its own later words, and is right to stop
        if (!isHonest(node)) return;
        return violate("no-halt", `#${node} halts: ${effect.reason}, ${effect.detail}`);
      default:
    }
  };

  return {
    history,
    words,
    clients,
    stepped(node, input, effects, replica) {
      if (input.type === "executed") {
        const answers = node.disk.durable(keys.results(input.sequence));
        history.executed(node.index, input.sequence, input.stateRoot, input.logHash, answers);
      }
      if (input.type === "transferred") {
        transfers += 1;
        const { stateRoot, logHash } = node.data?.ledger.position() ?? {};
        if (stateRoot !== undefined && logHash !== undefined) {
          history.stable(node.index, input.sequence, stateRoot, logHash);
          history.restarted(node.index, input.sequence, logHash);
        }
      }
      for (const effect of effects) judgeEffect(node.index, effect);
      steps.stepped(node, input, effects, replica);
    },
    started(node, data) {
      const { executed, logHash, prepared, newView } = data.restored;
      history.restarted(node.index, executed, logHash);
      // what it executed and perhaps answered, and died before it could be seen
      for (let sequence = history.executedUpTo + 1; sequence <= executed; sequence += 1) {
        const header = data.history.header(sequence as Sequence);
        const answers = node.disk.durable(keys.results(sequence as Sequence));
        if (header !== undefined) history.executed(node.index, sequence, header.stateRoot, header.logHash, answers);
      }
      for (const { certificate } of prepared) words.prepared(node.index, certificate);
      if (newView !== undefined) {
        words.entered(node.index, newView);
        if (data.restored.active) steps.restored(node, newView.message.view);
      }
    },
    blamed(node, peer, reason) {
      if (isHonest(peer)) violate("detection-soundness", `#${node} counts "${reason}" against #${peer}, who is honest`);
    },
    reasons,
    accused,
    get transfers() {
      return transfers;
    },
  };
};
