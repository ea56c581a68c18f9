/** A cheat of a test network: what stands between a real node and its network and clients, and changes while it runs. */
import { describe, expect, it } from "vitest";
import { actNames, actOf } from "../../src/adversaries/cast.ts";
import { createDisguise } from "../../src/adversaries/disguise.ts";
import type { DocumentName } from "../../src/documents/operation.ts";
import { createMemoryHub } from "../../src/network/memory.ts";
import type { Network } from "../../src/network/port.ts";
import { createCounters } from "../../src/node/counters.ts";
import type { Disguise } from "../../src/node/disguise.ts";
import { createSharing, type Sharing } from "../../src/node/sharing/sharing.ts";
import { createCommittee } from "../../src/protocol/committee.ts";
import type { Digest, Epoch, PeerName, ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import type { Commit } from "../../src/protocol/messages.ts";
import { createSigner } from "../../src/signing/signer.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { createBatch } from "../../src/wire/requests.ts";
import { decodeConsensusFrame, decodeSyncFrame, encodeFrame } from "../../src/wire/frames.ts";
import { createFakeService } from "../api/fake-service.ts";
import { add, author, signBytes, write } from "../documents/support.ts";

const peers = ["a", "b", "c", "d"].map((letter) => letter as PeerName);
const committee = createCommittee(
  0 as Epoch,
  peers.map((peer, index) => ({ index: index as ReplicaIndex, publicKey: author(index).publicKey, peer, moniker: "" })),
);
const later: (() => void)[] = [];
const disguiseFor = (self: number): Disguise =>
  createDisguise({
    committee,
    self: self as ReplicaIndex,
    validatorKey: author(self),
    signBytes,
    clock: { now: () => 0, wall: () => 0, after: (_, run) => (later.push(run), () => undefined) },
  });

const commitOf = (self: number, digest: string): Uint8Array => {
  const place = { epoch: 0 as Epoch, view: 0 as View, sequence: 1 as Sequence, digest: digest.repeat(64) as Digest };
  const message: Commit = { kind: "commit", ...place, replica: self as ReplicaIndex };
  return encodeFrame({ kind: "commit", signed: createSigner(author(self), signBytes).sign(message) });
};
const digestIn = (frame: Uint8Array): string => {
  const decoded = decodeConsensusFrame(frame);
  if (!decoded.ok) return "?";
  const { message } = decoded.value.signed;
  return message.kind === "commit"
    ? message.digest.slice(0, 4)
    : `${message.kind} ${"digest" in message ? message.digest.slice(0, 4) : ""}`;
};
const turns = async (): Promise<void> => {
  for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve));
};

interface Heard {
  readonly network: Network;
  readonly heard: string[];
}

/** Four peers that write down which commits they hear; the first one behind a disguise. */
const build = async (disguise: Disguise): Promise<readonly Heard[]> => {
  const hub = createMemoryHub();
  const members = peers.map((peer, index): Heard => {
    const network = hub.createMemoryNetwork(peer, peers);
    return { network: index === 0 ? disguise.network(network) : network, heard: [] };
  });
  for (const { network, heard } of members) {
    await network.start({
      onFrame: (from, _, frame) => heard.push(`${from} ${digestIn(frame)}`),
      onGossip: (_from, _data, verdict) => verdict("ignore"),
      onPeer: () => undefined,
    });
  }
  return members;
};

describe("a disguise", () => {
  it("changes nothing until it is told to, then what is said, then nothing again", async () => {
    const disguise = disguiseFor(0);
    const members = await build(disguise);
    const [cheat] = members as [Heard];
    const tell = async (): Promise<string[][]> => {
      for (const peer of peers.slice(1)) cheat.network.send(peer, "consensus", commitOf(0, "a"));
      await turns();
      return members.slice(1).map(({ heard }) => heard.splice(0));
    };
    expect(await tell()).toEqual([["a aaaa"], ["a aaaa"], ["a aaaa"]]);
    expect(disguise.wear("double-vote")).toBe(true);
    const said = new Set((await tell()).flat());
    for (let round = 0; round < 20; round++) for (const each of (await tell()).flat()) said.add(each);
    expect(said.size, "another digest each time, beside the true one").toBeGreaterThan(5);
    expect(disguise.wear("silent")).toBe(true);
    expect(await tell()).toEqual([[], [], []]);
    expect(disguise.wear("honest")).toBe(true);
    expect(await tell()).toEqual([["a aaaa"], ["a aaaa"], ["a aaaa"]]);
  });

  it("can be worn from the start, and hears others, but not what it said while it cheated", async () => {
    const disguise = disguiseFor(0);
    expect(disguise.wear("silent")).toBe(true);
    const [cheat, other] = (await build(disguise)) as [Heard, Heard];
    disguise.wear("honest");
    other.network.send(peers[0] as PeerName, "consensus", commitOf(0, "b"));
    other.network.send(peers[0] as PeerName, "consensus", commitOf(1, "c"));
    await turns();
    expect(cheat.heard).toEqual(["b cccc"]);
  });

  it("hears PREPAREs for what the node proposed, and none for what it was made to propose", async () => {
    const disguise = disguiseFor(0);
    disguise.wear("equivocate");
    const [cheat, , odd] = (await build(disguise)) as [Heard, Heard, Heard];
    const place = { epoch: 0 as Epoch, view: 0 as View, sequence: 1 as Sequence };
    const proposed = (digest: Digest) =>
      createSigner(author(0), signBytes).sign({ kind: "pre-prepare", ...place, digest, replica: 0 as ReplicaIndex });
    const prepare = (digest: Digest): Uint8Array => {
      const message = {
        kind: "prepare",
        ...place,
        digest,
        replica: 2 as ReplicaIndex,
        proposalSignature: proposed(digest).signature,
      } as const;
      return encodeFrame({ kind: "prepare", signed: createSigner(author(2), signBytes).sign(message) });
    };
    const batch = createBatch(5, []);
    cheat.network.publish(encodeFrame({ kind: "proposal", signed: proposed(batch.digest), batch }));
    for (const digest of [batch.digest, "e".repeat(64) as Digest]) odd.network.send(peers[0] as PeerName, "consensus", prepare(digest));
    await turns();
    expect(cheat.heard).toEqual([`c prepare ${batch.digest.slice(0, 4)}`]);
  });

  it("does nothing any more that an act before had put off", async () => {
    later.length = 0;
    const disguise = disguiseFor(0);
    const [cheat, other] = (await build(disguise)) as [Heard, Heard];
    disguise.wear("replay");
    for (let round = 0; round < 100; round++) cheat.network.send(peers[1] as PeerName, "consensus", commitOf(0, "a"));
    await turns();
    disguise.wear("honest");
    other.heard.length = 0;
    for (const run of later.splice(0)) run();
    await turns();
    expect(other.heard).toEqual([]);
    expect(later, "and puts off nothing anew").toEqual([]);
  });

  it("knows every behaviour by name, and no other", () => {
    const promised =
      "silent equivocate double-vote forge replay flood malformed slow-primary bad-checkpoint bad-new-view view-change-spam lie-in-transfer lie-to-clients fork-shared";
    for (const name of promised.split(" ")) expect(actNames).toContain(name);
    for (const name of [...promised.split(" "), "honest", `censor=${"ab".repeat(32)}`])
      expect(actOf(name)?.network, name).toBeTypeOf("function");
    for (const name of ["", "censor=", "censor=xyz", "toString", "constructor"]) expect(disguiseFor(0).wear(name)).toBe(false);
  });
});

describe("fork-shared", () => {
  it("tells two histories, which the others find out and prove", async () => {
    const plan = "plan" as DocumentName;
    const hub = createMemoryHub();
    const disguise = disguiseFor(0);
    disguise.wear("fork-shared");
    const forked = new Set<string>();
    let now = 0;
    const nodes: Sharing[] = [];
    for (const [index, peer] of peers.entries()) {
      const plain = hub.createMemoryNetwork(peer, peers);
      const network = index === 0 ? disguise.network(plain) : plain;
      const counters = createCounters();
      const node = await createSharing({
        store: createMemoryStore(),
        identity: { committee, signBytes, validatorKey: author(index) },
        network,
        clock: { now: () => now },
        counters: () => counters,
        forked: (proof) => forked.add(`${peer}: ${committee.validators.findIndex(({ publicKey }) => publicKey === proof.author)}`),
        storeFailed: (error) => {
          throw error;
        },
      });
      nodes.push(node);
      await network.start({
        onFrame(from, _, frame) {
          const decoded = decodeSyncFrame(frame);
          if (decoded.ok && decoded.value.kind === "documents") node.receive(from, decoded.value.bytes);
        },
        onGossip: (_from, _data, verdict) => verdict("ignore"),
        onPeer: () => undefined,
      });
    }
    const pass = async (): Promise<void> => {
      for (let tick = 0; tick < 20; tick++) {
        now += 1_000;
        for (const node of nodes) node.tick();
        await turns();
      }
    };
    await nodes[0]?.documents.edit(plan, [write("true", "title")]);
    await nodes[0]?.documents.edit(plan, [add(2, "votes")]);
    await nodes[1]?.documents.edit(plan, [add(3, "votes")]);
    await pass();
    for (const peer of ["b", "c", "d"]) expect([...forked]).toContain(`${peer}: 0`);
    const shown = await Promise.all(nodes.slice(1).map(({ documents }) => documents.read(plan)));
    expect(new Set(shown.map((each) => each?.digest)).size, "all show one document").toBe(1);
    expect(shown[0]?.forkers).toEqual([author(0).publicKey]);
  });
});

describe("lie-to-clients", () => {
  it("changes what is read, said and proven, and comes off again", async () => {
    const disguise = disguiseFor(0);
    const honest = createFakeService();
    const service = disguise.service(honest);
    const key = new TextEncoder().encode("a");
    const answers = async (): Promise<string> => {
      const [read, block, blocks] = await Promise.all([
        service.get(key, "local"),
        service.block(1 as Sequence),
        service.blocks({ from: 1 as Sequence, limit: 1, maxBytes: 1e6 }),
      ]);
      return JSON.stringify([service.status(), read, block, blocks]);
    };
    const truth = await answers();
    disguise.wear("lie-to-clients");
    for (let round = 0; round < 10; round++) expect(await answers()).not.toBe(truth);
    disguise.wear("honest");
    expect(await answers()).toBe(truth);
  });
});
