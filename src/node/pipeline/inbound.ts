/**
 * Bytes in → verified inputs out (ARCHITECTURE: the first half of the sentence). Decoding is total; what the replica could not use is dropped
 * before its signature costs anything; only what `signing/verifier` returned goes on.
 */
import type { Replica } from "../../consensus/replica.ts";
import type { Input } from "../../consensus/input.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName, PublicKey, ReplicaIndex } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Batch, Blocks, Commit, Prepare, Signed, StateAnswer, Status, Verified } from "../../protocol/messages.ts";
import type { Channel, Network, NetworkHandlers } from "../../network/port.ts";
import { carriedProposal } from "../../signing/carried-proposal.ts";
import type { VerificationFailure } from "../../signing/failures.ts";
import type { Outcome, Verifier } from "../../signing/verifier.ts";
import { type ConsensusFrame, frameDecoders, type FrameDecoders, type ProposalFrame, tags } from "../../wire/frames.ts";
import { syncTags } from "../../wire/sync-frames.ts";
import { detachBatch } from "../../wire/requests.ts";
import type { Audit } from "./audit.ts";
import type { Clock } from "../clock.ts";
import type { Comparison } from "./comparison.ts";
import type { Counters } from "../counters.ts";
import type { Receipts } from "../desk/receipts.ts";
import type { Serving } from "./serving.ts";
import { createDemands, createHeartbeats } from "./demands.ts";
import { createRelayed } from "./relayed.ts";
import type { Fetcher } from "./fetcher.ts";
import { createSpareVotes } from "./spare-votes.ts";
import { createSuspects, type Suspects } from "./suspects.ts";
import { createUnderWay } from "./under-way.ts";

type Verdict = Parameters<NetworkHandlers["onGossip"]>[2];

export interface InboundOptions {
  /** by default a frame is decoded for each node that gets it */
  readonly decoders?: FrameDecoders;
  readonly committee: Committee;
  readonly replica: Replica;
  readonly verifier: Verifier;
  readonly network: Pick<Network, "self" | "blame" | "isolate" | "isUp">;
  readonly clock: Pick<Clock, "now">;
  readonly serving: Serving;
  readonly counters: Counters;
  /** sequences between the watermarks */
  readonly openSlots: number;
  /** gives an input to the replica */
  readonly step: (input: Input) => void;
  /** the request ran already, or can never run: it needs no verification */
  readonly isSettled: (client: PublicKey, sequence: number) => boolean;
  /** batches that were asked for, and that need not be */
  readonly fetcher: Pick<Fetcher, "arrived" | "checking">;
  readonly receipts: Pick<Receipts, "arrived">;
  /** a peer's message about shared documents; absent where nobody keeps any */
  readonly documents?: ((from: PeerName, bytes: Uint8Array) => void) | undefined;
  /** whether blocks were asked of this peer; the answer ends the fetch */
  readonly blocksArrived: (from: ReplicaIndex) => boolean;
  readonly audit: Audit;
  readonly comparison: Pick<Comparison, "arrived">;
  /** whom this validator says it hears */
  readonly reachedBy: (index: ReplicaIndex) => readonly PeerName[];
  /** parts of the state that a peer sends, when it was asked */
  readonly stateArrived: (from: ReplicaIndex, answers: readonly StateAnswer[]) => boolean;
}

export interface Inbound extends Pick<Suspects, "opinionOf"> {
  frame(from: PeerName, channel: Channel, bytes: Uint8Array): void;
  gossip(from: PeerName, bytes: Uint8Array, verdict: Verdict): void;
  /** there is proof that this validator cheats, whoever sent it */
  accused(culprit: ReplicaIndex): void;
  /** what a validator sent in answer to a question did not verify */
  refused(from: ReplicaIndex, failure: VerificationFailure): void;
}

export const createInbound = (options: InboundOptions): Inbound => {
  const { committee, replica, verifier, network, serving, counters, step, decoders = frameDecoders } = options;
  const indexes = new Map<PeerName, ReplicaIndex>(committee.validators.map(({ peer, index }) => [peer, index]));
  /** there is a quorum without it */
  const canSpare = (spared: PeerName): boolean =>
    committee.validators.filter(({ peer }) => peer === network.self || (peer !== spared && network.isUp(peer))).length >= committee.quorum;
  const spares = createSpareVotes({ isNeeded: replica.needsVote, isTimely: replica.isTimely, mostSlots: options.openSlots });
  // of those who sent what is invalid little more is looked at
  const suspects = createSuspects({ now: options.clock.now, most: committee.f, canSpare, isolate: network.isolate });
  const blame = (from: PeerName, reason: string): void => {
    // of strangers the network has a stricter opinion itself
    if (indexes.has(from)) suspects.blamed(from, reason);
    network.blame(from, reason);
  };
  const refused = (from: PeerName, failure: VerificationFailure): void => {
    counters.count(`refused.${failure.reason}`);
    if (failure.action === "blame") blame(from, failure.reason);
  };
  const relayed = createRelayed({ ...options, badSignature: (from) => blame(from, "relayed a request with a bad signature") });
  const demands = createDemands(options.clock.now, (from) => {
    counters.count("dropped.view-change-rate");
    if (indexes.has(from)) suspects.exceeded(from, "VIEW-CHANGEs more often than anybody has reason to");
  });
  const mayBeat = createHeartbeats(options.clock.now, (from) => {
    counters.count("dropped.heartbeat-rate");
    suspects.exceeded(from, "heartbeats more often than anybody has reason to");
  });
  const malformed = (from: PeerName, reason: string): void => {
    counters.count(`malformed.${reason}`);
    blame(from, `malformed: ${reason}`);
  };
  const begin = createUnderWay(counters);
  const verified = <T>(from: PeerName, use: (value: Verified<T>) => void): ((outcome: Outcome<T>) => void) | undefined => {
    const end = begin(from);
    if (end === undefined) return undefined;
    return (outcome) => {
      end();
      if (outcome.status === "verified") use(outcome.value);
      else refused(from, outcome.failure);
    };
  };

  /* ---------------------------------------------------------------- consensus */

  const onProposal = (from: PeerName, { signed, batch }: ProposalFrame, verdict?: Verdict): void => {
    const { message } = signed;
    // a header with another batch: whoever passes that on did not look
    if (batch.digest !== message.digest) {
      verdict?.("reject");
      return malformed(from, "digest-mismatch");
    }
    const end = replica.isTimely(message) && !replica.hasBatch(message) ? begin(from) : undefined;
    if (end === undefined) {
      counters.count("dropped.untimely");
      verdict?.("ignore");
      return;
    }
    const checked = options.fetcher.checking(batch.digest);
    verifier.verifyVote(signed, (header) => {
      if (header.status === "refused") {
        end();
        checked(false);
        verdict?.(header.failure.action === "blame" ? "reject" : "ignore");
        return refused(from, header.failure);
      }
      // the primary said it: worth passing on to whom it does not reach, and if the batch is bad everyone should hold the proof
      verdict?.("accept", options.reachedBy(message.replica));
      verifier.verifyProposal(signed, detachBatch(batch), (outcome) => {
        end();
        checked(outcome.status !== "refused");
        if (outcome.status === "verified") step({ type: "pre-prepare", signed: outcome.signed, batch: outcome.batch });
        else if (outcome.status === "invalid-batch") step({ ...outcome, type: "invalid-batch" });
        else refused(from, outcome.failure);
      });
    });
  };

  const onPrepare = (from: PeerName, signed: Signed<Prepare>): void => {
    const done = verified<Signed<Prepare>>(from, (value) => {
      const header = carriedProposal(committee, value);
      if (!replica.knowsProposal(header.message)) step({ type: "pre-prepare", signed: header });
      step({ type: "prepare", signed: value });
    });
    if (done !== undefined) verifier.verifyVote(signed, done);
  };

  const onCommit = (from: PeerName, signed: Signed<Commit>): void => {
    const done = verified<Signed<Commit>>(from, (value) => step({ type: "commit", signed: value }));
    if (done !== undefined) verifier.verifyVote(signed, done);
  };

  const onVote = (from: PeerName, { signed }: Extract<ConsensusFrame, { kind: "prepare" | "commit" }>): void => {
    const { message } = signed;
    if (!replica.isTimely(message)) return counters.count("dropped.untimely");
    const due = indexes.get(from) === message.replica ? spares.admit(signed) : [signed];
    if (due.length === 0) counters.count("dropped.spare-vote");
    for (const vote of due) {
      if (vote.message.kind === "prepare") onPrepare(from, vote as Signed<Prepare>);
      else onCommit(from, vote as Signed<Commit>);
    }
  };

  const onConsensus = (from: PeerName, frame: ConsensusFrame): void => {
    switch (frame.kind) {
      case "proposal":
        return onProposal(from, frame);
      case "prepare":
      case "commit":
        return onVote(from, frame);
      case "checkpoint": {
        if (!replica.isDue(frame.signed.message)) return counters.count("dropped.untimely");
        const done = verified(from, (signed: Verified<typeof frame.signed>) => step({ type: "checkpoint", signed }));
        return done === undefined ? undefined : verifier.verifyVote(frame.signed, done);
      }
      case "view-change": {
        // who is not trusted moves nobody to another view: those who are honest ask for themselves
        if (suspects.isSuspect(from)) return counters.count("dropped.suspect");
        if (!replica.isWithinReach(frame.signed.message.view) && !demands.wasFarFetched(from)) return;
        const done = verified(from, (signed: Verified<typeof frame.signed>) => step({ type: "view-change", signed }));
        return done === undefined ? undefined : verifier.verifyViewChange(frame.signed, done);
      }
      case "new-view": {
        if (!replica.wantsView(frame.signed.message.view)) return counters.count("dropped.untimely");
        const done = verified(from, (signed: Verified<typeof frame.signed>) => step({ type: "new-view", signed }));
        return done === undefined ? undefined : verifier.verifyNewView(frame.signed, done);
      }
    }
  };

  /* ---------------------------------------------------------------- sync */

  const onBatch = (from: PeerName, batch: Batch): void => {
    if (!options.fetcher.arrived(batch.digest)) return counters.count("dropped.unrequested");
    const checked = options.fetcher.checking(batch.digest);
    verifier.verifyBatch(detachBatch(batch), (outcome) => {
      checked(true);
      // a digest that honest replicas prepared has a valid batch; one that only the primary signed may not
      if (outcome.status === "verified") step({ type: "batch", batch: outcome.batch });
      else counters.count(`refused.fetched-${outcome.reason}`);
    });
  };

  const onBlocks = (from: PeerName, index: ReplicaIndex | undefined, { blocks }: Blocks): void => {
    if (index === undefined || !options.blocksArrived(index)) return counters.count("dropped.unrequested");
    verifier.verifyBlocks(blocks, ({ blocks: good, failure }) => {
      if (failure !== undefined) refused(from, failure);
      if (!options.audit.take(index, good)) step({ type: "blocks", blocks: good, from: index });
    });
  };

  const unrequested = (): void => counters.count("dropped.unrequested");
  const onStatus = (from: PeerName, index: ReplicaIndex, status: Status): void => {
    step({ type: "status", status: suspects.isSuspect(from) ? { ...status, demand: status.view } : status, from: index });
    options.audit.status(index, status);
  };

  const onSync = (from: PeerName, bytes: Uint8Array): void => {
    const index = indexes.get(from);
    if (index !== undefined && bytes[0] === syncTags.status && !mayBeat(from)) return;
    const decoded = decoders.sync(bytes);
    if (!decoded.ok) return malformed(from, decoded.error.reason);
    const frame = decoded.value;
    switch (frame.kind) {
      case "status":
        return index === undefined ? undefined : onStatus(from, index, frame);
      case "relay":
        return relayed.arrived(from, index, frame.requests);
      case "fetch-batch":
        return serving.batch(from, frame.digest);
      case "fetch-blocks":
        return serving.blocks(from, frame.from, frame.to);
      case "batch":
        return onBatch(from, frame);
      case "blocks":
        return onBlocks(from, index, frame);
      case "fetch-checkpoint":
        return serving.checkpoint(from, frame.sequences);
      case "past-checkpoint":
        return index !== undefined && options.comparison.arrived(index, frame.certificate) ? undefined : unrequested();
      case "fetch-receipt":
        return serving.receipt(from, frame.sequence);
      case "documents":
        return options.documents?.(from, frame.bytes);
      case "fetch-state":
        return serving.state(from, frame.parts);
      case "state":
        return index !== undefined && options.stateArrived(index, frame.answers) ? undefined : unrequested();
      case "receipt":
        return index === undefined ? unrequested() : options.receipts.arrived(index, frame);
      case "stable-checkpoint": {
        if (frame.certificate.sequence <= replica.status().stable) return counters.count("dropped.untimely");
        const done = verified(from, (certificate: Verified<typeof frame.certificate>) => step({ type: "stable-checkpoint", certificate }));
        return done === undefined ? undefined : verifier.verifyCheckpointCertificate(frame.certificate, done);
      }
    }
  };

  return {
    opinionOf: suspects.opinionOf,
    accused(culprit) {
      const peer = committee.validators[culprit]?.peer;
      if (peer !== undefined) suspects.blamed(peer, "proof of misbehaviour");
    },
    refused: (from, failure) => refused(committee.validators[from]?.peer ?? ("" as PeerName), failure),
    frame(from, channel, bytes) {
      counters.count(channel === "sync" ? "frames.sync" : "frames.consensus");
      if (!suspects.admits(from)) return counters.count("dropped.suspect");
      if (channel === "sync") return onSync(from, bytes);
      if (bytes[0] === tags["view-change"] && !demands.came(from)) return;
      const decoded = decoders.consensus(bytes);
      if (decoded.ok) onConsensus(from, decoded.value);
      else malformed(from, decoded.error.reason);
    },
    gossip(from, bytes, verdict) {
      const decoded = bytes.length <= limits.maxGossipBytes ? decoders.gossip(bytes) : undefined;
      if (decoded?.ok === true) return onProposal(from, decoded.value, verdict);
      counters.count(`malformed.${decoded?.error.reason ?? "too-long"}`);
      verdict("reject");
    },
  };
};
