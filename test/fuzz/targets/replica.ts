/**
 * A liar's bytes to honest nodes as they run in production (decoder, verifier with real signatures, replica, store), in virtual time: honest messages
 * damaged, also when signed again by the liar's own key; replayed, on the wrong channel, to some and not to others. Nobody throws, halts, accuses an
 * honest validator or disagrees, and in the end a request is executed by all.
 */
import { encodeOperation } from "../../../src/ledger/kv/encoding.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import type { Batch, Request } from "../../../src/protocol/messages.ts";
import { decodeConsensusFrame, encodeFrame } from "../../../src/wire/frames.ts";
import type { ConsensusFrame } from "../../../src/wire/frames.ts";
import { createBatch } from "../../../src/wire/requests.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { hexOf } from "../target.ts";
import type { Target } from "../target.ts";
import { createSmallNetwork, epochMs } from "./network.ts";
import type { Heard, SmallNetwork } from "./network.ts";

const lies = 40;
/** how long the network has to recover, virtual: views change, and their timeouts double */
const recoveryMs = 60_000;

/** Another number, often a near one. */
const near = (random: Random, value: number): number =>
  Math.max(0, random.pick([value, value, value + 1, value - 1, value + random.int(9), random.int(20), 2 ** 53 - 1]));

const other = (random: Random, frames: readonly ConsensusFrame[], own: ConsensusFrame): ConsensusFrame =>
  random.chance(0.5) ? own : random.pick(frames.filter(({ kind }) => kind === own.kind));

const slotOf = (random: Random, frames: readonly ConsensusFrame[], frame: ConsensusFrame) => {
  const { message } = other(random, frames, frame).signed;
  const digest = "digest" in message ? { digest: message.digest } : {};
  const view = "view" in message ? { view: near(random, message.view) } : {};
  const sequence = "sequence" in message ? { sequence: near(random, message.sequence) } : {};
  return { ...digest, ...view, ...sequence };
};

/** What the liar would sign in place of an honest message: one of its kind, with numbers and parts of others. */
const resigned = (random: Random, network: SmallNetwork, frames: readonly ConsensusFrame[], frame: ConsensusFrame): ConsensusFrame => {
  const signer = network.names.signer(network.liar);
  const replica = network.liar as ReplicaIndex;
  const changes = random.chance(0.7) ? slotOf(random, frames, frame) : {};
  const borrowed = other(random, frames, frame);
  switch (frame.kind) {
    case "proposal": {
      const batch = borrowed.kind === "proposal" ? damagedBatch(random, borrowed.batch) : frame.batch;
      const message = { ...frame.signed.message, ...changes, replica, digest: batch.digest } as typeof frame.signed.message;
      return { kind: "proposal", signed: signer.sign(message), batch };
    }
    case "prepare":
      return { kind: "prepare", signed: signer.sign({ ...frame.signed.message, ...changes, replica } as typeof frame.signed.message) };
    case "commit":
      return { kind: "commit", signed: signer.sign({ ...frame.signed.message, ...changes, replica } as typeof frame.signed.message) };
    case "checkpoint":
      return { kind: "checkpoint", signed: signer.sign({ ...frame.signed.message, ...changes, replica } as typeof frame.signed.message) };
    case "view-change": {
      const { message } = frame.signed;
      const from = borrowed.kind === "view-change" ? borrowed.signed.message : message;
      const prepared = random.pick([message.prepared, from.prepared, [], message.prepared.slice(1)]);
      return {
        kind: "view-change",
        signed: signer.sign({ ...message, ...changes, replica, prepared, stable: from.stable } as typeof message),
      };
    }
    case "new-view": {
      const { message } = frame.signed;
      const viewChanges = random.pick([message.viewChanges, message.viewChanges.slice(1), []]);
      return { kind: "new-view", signed: signer.signNewView({ ...message, ...changes, replica, viewChanges } as typeof message) };
    }
  }
};

const damagedBatch = (random: Random, batch: Batch): Batch => {
  const requests = random.pick<readonly Request[]>([batch.requests, [], [...batch.requests, ...batch.requests]]);
  return createBatch(random.pick([batch.timestamp, batch.timestamp + 1, 0, 2 ** 53 - 1]), requests);
};

/** A frame in the liar's mouth. */
const makeLie = (random: Random, network: SmallNetwork): Heard => {
  const { heard } = network;
  const one = random.pick(heard);
  const kind = random.int(4);
  if (kind === 0) return one;
  if (kind === 1) return { channel: random.pick(["consensus", "sync", "gossip"] as const), bytes: one.bytes };
  if (kind === 2) {
    const bytes = heard.filter(({ channel }) => channel === one.channel).map((each) => each.bytes);
    return { channel: one.channel, bytes: mutate(random, one.bytes, bytes) };
  }
  const frames = heard.flatMap(({ bytes }) => {
    const decoded = decodeConsensusFrame(bytes);
    return decoded.ok ? [decoded.value] : [];
  });
  if (frames.length === 0) return one;
  const bytes = encodeFrame(resigned(random, network, frames, random.pick(frames)));
  // the signature holds, the rest of the frame need not
  const damaged = random.chance(0.2) ? mutate(random, bytes, [one.bytes]) : bytes;
  return { channel: random.chance(0.2) ? "gossip" : "consensus", bytes: damaged };
};

const tell = (random: Random, network: SmallNetwork, { channel, bytes }: Heard): void => {
  if (channel === "gossip") return network.wire.publish(bytes);
  for (const { peer } of network.honest) if (random.chance(0.7)) network.wire.send(peer, channel, bytes);
};

/** A request of a client that the honest nodes get from outside. */
const request = (random: Random, network: SmallNetwork, number: number): void => {
  const operations = [encodeOperation({ type: "put", key: random.bytes(2), value: random.bytes(random.int(40)) })];
  // client numbers grow with time
  const signed = network.names.request((epochMs - 1_000) * 1024 + number, { operations });
  const node = random.pick(network.honest);
  node.assembly.engine.submit(signed);
};

const executed = (network: SmallNetwork): number[] => network.honest.map(({ assembly }) => assembly.engine.replica.status().executed);

const live = async (random: Random, told: string[]): Promise<void> => {
  const network = await createSmallNetwork(random.pick([0, 0, 1, 3]), random);
  try {
    let number = 1;
    for (; number <= 5; number++) request(random, network, number);
    await network.advance(1_000);
    for (let count = 0; count < lies; count++) {
      const lie = makeLie(random, network);
      told.push(`${lie.channel} ${hexOf(lie.bytes.subarray(0, 200))}`);
      tell(random, network, lie);
      if (random.chance(0.3)) request(random, network, number++);
      await network.advance(random.pick([0, 0, 1, 20, 400]));
      network.judge();
    }
    const before = executed(network);
    request(random, network, number);
    for (let waited = 0; waited < recoveryMs; waited += 500) {
      await network.advance(500);
      const now = executed(network);
      if (now.every((sequence, index) => sequence === now[0] && sequence > (before[index] ?? 0))) break;
    }
    network.judge();
    const after = executed(network);
    if (!after.every((sequence, index) => sequence === after[0] && sequence > (before[index] ?? 0))) {
      throw new Error(`no progress within ${recoveryMs} ms: from ${before.join()} to ${after.join()}`);
    }
  } finally {
    network.stop();
  }
};

export const replica: Target = {
  name: "replica",
  about: `a universe of three honest nodes and a liar with a key, who tells ${lies} lies`,
  open: () => ({
    next(random) {
      const told: string[] = [];
      return { input: () => told.join("\n"), run: () => live(random, told) };
    },
  }),
};
