/**
 * Effects → disk, network, ledger (ARCHITECTURE: the second half of the sentence), under the contract of `consensus/effect.ts`:
 * nothing leaves before the saves that precede it are durable, what we signed comes back as an input, order is kept.
 */
import type { DurableRecord, Effect, HaltReason, Repeatable, TransferFault } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { Evidence } from "../../protocol/evidence.ts";
import type { Digest, PeerName, ReplicaIndex, Sequence } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Checkpoint, Commit, NewView, PrePrepare, Prepare, ViewChange, Batch } from "../../protocol/messages.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import type { ReplicaConfig } from "../../consensus/config.ts";
import type { Network } from "../../network/port.ts";
import type { Signer } from "../../signing/signer.ts";
import type { Store } from "../../storage/port.ts";
import { encodeFrame, type ConsensusFrame } from "../../wire/frames.ts";
import type { Comparison } from "./comparison.ts";
import { type Counters, createNames } from "../counters.ts";
import type { Execution } from "./execution.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Journal } from "./journal.ts";
import type { Keeping } from "../data/keeping.ts";
import { createRelays } from "./relays.ts";
import type { Transferring } from "./transferring.ts";

export interface PerformOptions {
  readonly replica: ReplicaConfig;
  readonly network: Pick<Network, "send" | "publish" | "blame">;
  readonly store: Pick<Store, "write">;
  /** absent on an observer, which has nothing to say */
  readonly signer?: Signer;
  readonly journal: Journal;
  readonly fetcher: Fetcher;
  readonly keeping: Keeping;
  readonly execution: Execution;
  readonly counters: Counters;
  readonly step: (input: Input) => void;
  /** runs a callback after what runs now, before the next event */
  readonly soon: (callback: () => void) => void;
  readonly sendStatus: () => void;
  /** blocks that were asked of a peer and did not come yet; filled here, emptied by what arrives */
  readonly asked: Set<ReplicaIndex>;
  readonly transferring: Pick<Transferring, "begin" | "asked">;
  readonly comparison: Pick<Comparison, "askAll">;
  /** the batches up to this sequence were not executed here */
  readonly passedOver: (sequence: Sequence) => void;
  readonly evidence: (evidence: Evidence) => void;
  readonly refused: (request: Digest, reason: RejectionReason) => void;
  readonly halted: (reason: HaltReason, detail: string) => void;
}

export interface Performer {
  perform(effects: readonly Effect[]): void;
}

export const createPerform = (options: PerformOptions): Performer => {
  const { journal, network, signer, step, counters, keeping } = options;
  const { committee, self } = options.replica;
  const everybody = committee.validators.filter(({ index }) => index !== self).map(({ index }) => index);

  const send = (to: readonly ReplicaIndex[], channel: "consensus" | "sync", frame: Uint8Array): void => {
    for (const index of to) {
      const peer = peerAt(committee, index);
      if (peer !== undefined && !network.send(peer, channel, frame)) counters.count(`unsent.${channel}`);
    }
  };

  const relays = createRelays({
    soon: options.soon,
    send: (to, requests) => send([to], "sync", encodeFrame({ kind: "relay", requests })),
  });

  const broadcast = (message: Prepare | Commit | Checkpoint): void => {
    if (signer === undefined) return;
    const frame = signedFrame(signer, message);
    journal.after(() => {
      send(everybody, "consensus", encodeFrame(frame));
      step(asInput(frame));
    });
  };

  /** A VIEW-CHANGE or NEW-VIEW is saved as signed, so that a restart repeats it to the letter. */
  const announce = (message: ViewChange | NewView): void => {
    if (signer === undefined) return;
    if (message.kind === "view-change") {
      const signed = signer.sign(message);
      journal.save(keeping.viewChange(signed));
      return journal.after(() => {
        send(everybody, "consensus", encodeFrame({ kind: "view-change", signed }));
        step({ type: "view-change", signed });
      });
    }
    const signed = signer.signNewView(message);
    journal.save(keeping.newView(signed));
    journal.after(() => {
      send(everybody, "consensus", encodeFrame({ kind: "new-view", signed }));
      step({ type: "new-view", signed });
    });
  };

  const propose = (message: PrePrepare, batch: Batch): void => {
    if (signer === undefined) return;
    const signed = signer.sign(message);
    journal.after(() => {
      const frame = encodeFrame({ kind: "proposal", signed, batch });
      if (frame.length <= limits.maxGossipBytes) network.publish(frame);
      else send(everybody, "consensus", frame);
      step({ type: "pre-prepare", signed });
    });
  };

  const save = (record: DurableRecord): void => {
    journal.save(keeping.record(record));
    if (record.type === "stable") journal.after(() => options.execution.stable(record.certificate));
    if (record.type === "transferred") journal.after(() => options.passedOver(record.sequence));
  };

  const faulted = (index: ReplicaIndex, fault: TransferFault): void => {
    counters.count(`transfer.${fault}`);
    const peer = peerAt(committee, index);
    // to be slow is no lie
    if (fault === "false-state" && peer !== undefined) network.blame(peer, "lied about the state");
  };

  const performOne = (effect: Effect): void => {
    switch (effect.type) {
      case "save":
        return save(effect.record);
      case "broadcast":
        return broadcast(effect.message);
      case "announce":
        return announce(effect.message);
      case "propose":
        return propose(effect.message, effect.batch);
      case "repeat":
        return journal.after(() => send(effect.to, "consensus", encodeFrame(repeatedFrame(effect.message))));
      case "relay":
        return relays.add(effect.to, effect.requests);
      case "fetch-batch":
        return options.fetcher.want(effect.digest, effect.from);
      case "fetch-blocks":
        options.asked.add(effect.peer);
        return send([effect.peer], "sync", encodeFrame({ kind: "fetch-blocks", from: effect.from, to: effect.to }));
      case "compare-checkpoints":
        return options.comparison.askAll(effect.peers);
      case "begin-transfer":
        // what makes us silent, if anything does, is durable before the state is touched
        return journal.after(() => options.transferring.begin(effect.target, effect.fresh));
      case "fetch-state":
        options.transferring.asked(effect.peer, effect.parts);
        return send([effect.peer], "sync", encodeFrame({ kind: "fetch-state", parts: effect.parts }));
      case "transfer-fault":
        return faulted(effect.peer, effect.fault);
      case "state-diverged":
        return counters.count("state-diverged");
      case "send-stable":
        return send([effect.to], "sync", encodeFrame({ kind: "stable-checkpoint", certificate: effect.certificate }));
      case "send-status":
        return journal.after(() => options.sendStatus());
      case "execute":
        return options.execution.run(effect.certificate, effect.batch, (sequence, stateRoot, logHash) =>
          step({ type: "executed", sequence, stateRoot, logHash }),
        );
      case "evidence":
        return options.evidence(effect.evidence);
      case "reject":
        return counters.count(rejectedName(effect.input, effect.rejection.reason));
      case "refuse-request":
        return options.refused(effect.id, effect.reason);
      case "halt":
        return options.halted(effect.reason, effect.detail);
    }
  };

  return {
    perform(effects) {
      for (const effect of effects) performOne(effect);
    },
  };
};

const rejectedName = createNames((input, reason) => `rejected.${input}.${reason}`);

const peerAt = (committee: Committee, index: ReplicaIndex): PeerName | undefined => committee.validators[index]?.peer;

type SimpleFrame = Extract<ConsensusFrame, { kind: "prepare" | "commit" | "checkpoint" }>;

const signedFrame = (signer: Signer, message: Prepare | Commit | Checkpoint): SimpleFrame => {
  switch (message.kind) {
    case "prepare":
      return { kind: message.kind, signed: signer.sign(message) };
    case "commit":
      return { kind: message.kind, signed: signer.sign(message) };
    case "checkpoint":
      return { kind: message.kind, signed: signer.sign(message) };
  }
};

/** Our own vote counts once it is on disk: it comes home as if it had arrived from the network. */
const asInput = (frame: SimpleFrame): Input => ({ type: frame.kind, signed: frame.signed }) as Input;

const repeatedFrame = (message: Repeatable): ConsensusFrame => {
  if (message.kind === "signed-proposal") return { kind: "proposal", signed: message.signed, batch: message.batch };
  if (message.kind === "signed-new-view") return { kind: "new-view", signed: message.signed };
  return { kind: message.signed.message.kind, signed: message.signed } as ConsensusFrame;
};
