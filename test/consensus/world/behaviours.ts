/** Lies, as wrappers on what an honest node sends. A liar signs with its own key only. */
import type { Digest, ReplicaIndex, Sequence, View } from "../../../src/protocol/ids.ts";
import type { Batch, Commit, Prepare, PrePrepare, Request, Signed, SignedNewView, ViewChange } from "../../../src/protocol/messages.ts";
import type { Behaviour, WorldNode } from "./node.ts";
import type { Packet } from "./packets.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

type Maker = (world: World, self: WorldNode, random: Random) => Behaviour;

const signed = <M extends Prepare | Commit | PrePrepare | ViewChange>(world: World, message: M): Signed<M> => ({
  message,
  signature: world.notary.sign(message.replica, message),
});

/** Says nothing. */
const silent: Maker = () => ({ name: "silent", outgoing: () => [] });

/** Drops everything but its heartbeats: alive to every failure detector. */
const mute: Maker = () => ({ name: "mute", outgoing: (packet) => (packet.type === "status" ? [packet] : []) });

/** As primary: different batches for one sequence to different peers, and votes to match. */
const equivocate: Maker = (world, _self, random) => {
  const twins = new Map<Digest, Batch>();
  const twinOf = (batch: Batch): Batch => {
    const twin = twins.get(batch.digest) ?? world.notary.createBatch(batch.timestamp + 1, batch.requests);
    twins.set(batch.digest, twin);
    return twin;
  };
  const salt = random.int(2);
  return {
    name: "equivocate",
    outgoing(packet, to) {
      if ((to + salt) % 2 === 0) return [packet];
      if (packet.type === "proposal") {
        const batch = twinOf(packet.batch);
        return [{ type: "proposal", batch, signed: signed(world, { ...packet.signed.message, digest: batch.digest }) }];
      }
      if (packet.type === "signed" && packet.signed.message.kind === "commit") {
        const twin = twins.get(packet.signed.message.digest);
        if (twin !== undefined) return [{ type: "signed", signed: signed(world, { ...packet.signed.message, digest: twin.digest }) }];
      }
      return [packet];
    },
  };
};

/** Two digests for one slot, to different peers. */
const doubleVote: Maker = (world, _self, random) => ({
  name: "double-vote",
  outgoing(packet) {
    if (packet.type !== "signed" || packet.signed.message.kind !== "commit" || random.chance(0.5)) return [packet];
    return [
      { type: "signed", signed: signed(world, { ...packet.signed.message, digest: world.notary.hash(`other ${random.int(4)}`) }) },
      packet,
    ];
  },
});

/** Leaves out of its VIEW-CHANGE what prepared. */
const omitPrepared: Maker = (world, _self, random) => ({
  name: "omit-prepared",
  outgoing(packet) {
    if (packet.type !== "signed" || packet.signed.message.kind !== "view-change") return [packet];
    const message: ViewChange = { ...packet.signed.message, prepared: packet.signed.message.prepared.filter(() => random.chance(0.5)) };
    return [{ type: "signed", signed: signed(world, message) }];
  },
});

/** As new primary: an O that its VIEW-CHANGEs do not imply. */
const badNewView: Maker = (world, self, random) => ({
  name: "bad-new-view",
  outgoing(packet) {
    if (packet.type !== "new-view") return [packet];
    const { message } = packet.signed;
    const digest = world.notary.emptyBatch.digest;
    const proposals = random.chance(0.5)
      ? message.proposals.map((one) => ({ ...one, digest }))
      : [
          ...message.proposals,
          {
            sequence: ((message.proposals.at(-1)?.sequence ?? message.viewChanges[0]?.message.stable.sequence ?? 0) + 1) as Sequence,
            digest,
          },
        ];
    const lie = { ...message, proposals };
    const newView: SignedNewView = {
      message: lie,
      signature: world.notary.sign(self.index, lie),
      proposalSignatures: proposals.map(({ sequence, digest: proposed }) =>
        world.notary.sign(self.index, {
          kind: "pre-prepare",
          epoch: lie.epoch,
          view: lie.view,
          sequence,
          digest: proposed,
          replica: self.index,
        }),
      ),
    };
    return [{ type: "new-view", signed: newView }];
  },
});

/** Votes for slots that nobody proposed, all over the window and beyond. */
const farSlotSpam: Maker = (world, self, random) => ({
  name: "far-slot-spam",
  unprompted() {
    const status = self.replica.status();
    const view = (status.view + random.int(3)) as View;
    const base = { epoch: status.epoch, view, digest: world.notary.hash(`nothing ${random.int(8)}`), replica: self.index };
    return Array.from({ length: 6 }, (): Packet => {
      const sequence = (status.executed + 1 + random.int(30)) as Sequence;
      return { type: "signed", signed: signed(world, { kind: "commit", ...base, sequence }) };
    });
  },
});

/** Always wants another view, and says it is further than anyone. */
const demandSpam: Maker = (_world, _self, random) => ({
  name: "demand-spam",
  outgoing(packet) {
    if (packet.type !== "status") return [packet];
    const demand = (packet.status.view + 1 + random.int(3)) as View;
    return [{ type: "status", status: { ...packet.status, demand, executed: (packet.status.executed + 1000) as Sequence } }];
  },
});

/** Asks for ever higher views with valid, signed VIEW-CHANGEs. */
const viewChangeSpam: Maker = (world, self) => {
  let asked = 0;
  return {
    name: "view-change-spam",
    unprompted() {
      const status = self.replica.status();
      asked = Math.max(asked, status.view) + 1;
      const stable = self.replica.describe().stable;
      const message: ViewChange = {
        kind: "view-change",
        epoch: status.epoch,
        view: asked as View,
        replica: self.index,
        stable,
        prepared: [],
      };
      return [{ type: "signed", signed: signed(world, message) }];
    },
  };
};

/** Says it has batches and never gives any: answers fetches with nothing at once. */
const emptyAnswers: Maker = () => ({
  name: "empty-answers",
  outgoing(packet) {
    if (packet.type === "status")
      return [{ type: "status", status: { ...packet.status, executed: (packet.status.executed + 500) as Sequence } }];
    return packet.type === "blocks" ? [{ type: "blocks", blocks: [] }] : [packet];
  },
});

/** As primary: leaves some out and is late, but never quite too late. */
const slowPrimary: Maker = (_world, _self, random) => ({
  name: "slow-primary",
  outgoing: (packet: Packet, _to: ReplicaIndex) => (packet.type === "proposal" && random.chance(0.7) ? [] : [packet]),
});

/** As primary: proposes requests again that were executed long ago. */
const replayRequests: Maker = (world) => {
  const seen: Request[] = [];
  return {
    name: "replay-requests",
    outgoing(packet) {
      if (packet.type !== "proposal") return [packet];
      const { timestamp, requests } = packet.batch;
      const old = seen.find((one) => !requests.includes(one) && world.honest.every((node) => node.hasExecuted(one.id)));
      for (const one of requests) if (!seen.includes(one)) seen.push(one);
      if (old === undefined) return [packet];
      const batch = world.notary.createBatch(timestamp, [...requests, old]);
      return [{ type: "proposal", batch, signed: signed(world, { ...packet.signed.message, digest: batch.digest }) }];
    },
  };
};

export const behaviours: readonly Maker[] = [
  silent,
  mute,
  equivocate,
  doubleVote,
  omitPrepared,
  badNewView,
  farSlotSpam,
  demandSpam,
  viewChangeSpam,
  emptyAnswers,
  slowPrimary,
  replayRequests,
];
