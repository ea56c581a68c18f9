/** What every implementation of the network port does, and the rest of the node relies on. */
import { afterEach, describe, expect, test } from "vitest";
import type { Network } from "../../src/network/port.ts";
import type { PeerName } from "../../src/protocol/ids.ts";
import { limits } from "../../src/protocol/limits.ts";
import { createCleanup, createRecorder, names, ownTime, until } from "./support.ts";
import type { Cleanup, Recorder } from "./support.ts";

export interface Fixture {
  /** Creates, without starting, the network with this index; the ones made before are its bootstrap. */
  create(index: number, validators: readonly PeerName[]): Promise<Network>;
}

interface Member {
  readonly network: Network;
  readonly recorder: Recorder;
}

const limitMs = 50_000;

export const describeNetwork = (implementation: string, createFixture: (cleanup: Cleanup) => Fixture): void => {
  describe(`${implementation} as a network`, () => {
    const cleanup = createCleanup();
    afterEach(() => cleanup.run());

    const join = async (fixture: Fixture, index: number, validators: readonly PeerName[]): Promise<Member> => {
      const network = await fixture.create(index, validators);
      const recorder = createRecorder();
      await network.start(recorder);
      cleanup.add(() => network.stop());
      return { network, recorder };
    };
    /** `validatorCount` validators and `observers` others, all up with all. */
    const group = async (validatorCount: number, observers = 0): Promise<{ fixture: Fixture; members: Member[]; all: PeerName[] }> => {
      const fixture = createFixture(cleanup);
      const all = names(validatorCount + observers);
      const members: Member[] = [];
      for (let index = 0; index < all.length; index += 1) members.push(await join(fixture, index, all.slice(0, validatorCount)));
      const meshed = (): boolean => members.every(({ network }) => all.every((peer) => peer === network.self || network.isUp(peer)));
      await until(meshed, limitMs, "all up with all");
      return { fixture, members, all };
    };
    const pair = async (validatorCount: number): Promise<{ a: Member; b: Member; fixture: Fixture; all: PeerName[] }> => {
      const { fixture, members, all } = await group(validatorCount, 2 - validatorCount);
      const [a, b] = members;
      if (a === undefined || b === undefined) throw new Error("two members");
      return { a, b, fixture, all };
    };
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

    test("tells each end once that the other is up, and describes it", async () => {
      const { a, b } = await pair(2);
      for (const [self, other] of [
        [a, b],
        [b, a],
      ] as const) {
        expect(self.recorder.peers).toEqual([{ peer: other.network.self, up: true }]);
        expect(self.network.peers()).toEqual([expect.objectContaining({ peer: other.network.self, validator: true, queuedBytes: 0 })]);
        expect(self.network.isUp(self.network.self)).toBe(false);
      }
    });

    test("delivers frames whole, unchanged and in order on each channel, from whom they came", async () => {
      const { a, b } = await pair(2);
      const sizes = [1, 127, 128, 200, 16_383, 16_384, 65_536, 300_000, 5, 2 ** 21, 1];
      for (const channel of ["consensus", "sync"] as const) {
        for (const [index, size] of sizes.entries()) {
          const frame = new Uint8Array(size).fill(index + 1);
          expect(a.network.send(b.network.self, channel, frame)).toBe(true);
        }
      }
      await until(() => b.recorder.frames.length === 2 * sizes.length, limitMs, "all frames");
      for (const channel of ["consensus", "sync"] as const) {
        const got = b.recorder.frames.filter((frame) => frame.channel === channel);
        expect(got.map(({ frame }) => frame.byteLength)).toEqual(sizes);
        expect(got.every(({ frame, from }, index) => from === a.network.self && frame.every((byte) => byte === index + 1))).toBe(true);
      }
    });

    test("carries one frame of the largest size, and refuses larger and empty ones", async () => {
      const { a, b } = await pair(2);
      expect(a.network.send(b.network.self, "consensus", new Uint8Array(limits.maxFrameBytes + 1))).toBe(false);
      expect(a.network.send(b.network.self, "sync", new Uint8Array(5 * 1024 * 1024 + 1))).toBe(false);
      expect(a.network.send(b.network.self, "sync", new Uint8Array(0))).toBe(false);
      expect(a.network.send(b.network.self, "consensus", new Uint8Array(limits.maxFrameBytes))).toBe(true);
      await until(() => b.recorder.frames.length === 1, limitMs, "the largest frame");
      expect(b.recorder.frames[0]?.frame.byteLength).toBe(limits.maxFrameBytes);
    });

    test("keeps consensus between validators; sync is for all", async () => {
      const { a, b } = await pair(1);
      for (const [self, other] of [
        [a, b],
        [b, a],
      ] as const) {
        expect(self.network.send(other.network.self, "consensus", Uint8Array.of(1))).toBe(false);
        expect(self.network.send(other.network.self, "sync", Uint8Array.of(1))).toBe(true);
        await until(() => other.recorder.frames.length === 1, limitMs, "a frame on sync");
      }
      expect(a.network.peers()[0]?.validator).toBe(false);
      expect(b.network.peers()[0]?.validator).toBe(true);
    });

    test("opens consensus to a peer that becomes a validator, and closes it to one that stops being one", async () => {
      const { a, b, all } = await pair(1);
      for (const { network } of [a, b]) network.setValidators(all);
      await until(() => a.network.send(b.network.self, "consensus", Uint8Array.of(1)), limitMs, "consensus open");
      await until(() => b.recorder.frames.length === 1 && a.network.isUp(b.network.self), limitMs, "a frame on consensus");
      for (const { network } of [a, b]) network.setValidators(all.slice(0, 1));
      await until(() => !a.network.send(b.network.self, "consensus", Uint8Array.of(1)), limitMs, "consensus closed");
      await until(() => a.network.isUp(b.network.self), limitMs, "still up");
    });

    test("refuses frames to peers it does not know and to itself", async () => {
      const { a } = await pair(2);
      const [stranger] = names(1, 90);
      expect(a.network.send(stranger as PeerName, "sync", Uint8Array.of(1))).toBe(false);
      expect(a.network.send(a.network.self, "sync", Uint8Array.of(1))).toBe(false);
      expect(a.network.isUp(stranger as PeerName)).toBe(false);
    });

    test("gossips a message to all others, once, and not to its sender", async () => {
      const { members } = await group(3, 1);
      const message = new Uint8Array(limits.maxGossipBytes).fill(7);
      await until(
        () => {
          // those who joined last may not have told all others of their subscription yet
          members[0]?.network.publish(message);
          return members.slice(1).every(({ recorder }) => recorder.gossip.length > 0);
        },
        limitMs,
        "gossip everywhere",
      );
      expect(members.map(({ recorder }) => recorder.gossip.length)).toEqual([0, 1, 1, 1]);
      expect(text(members[3]?.recorder.gossip[0]?.data ?? new Uint8Array())).toBe(text(message));
    });

    test("refuses to gossip more than the limit", async () => {
      const { a, b } = await pair(2);
      const small = Uint8Array.of(1, 2, 3);
      a.network.publish(new Uint8Array(limits.maxGossipBytes + 1));
      await until(
        () => {
          a.network.publish(small);
          return b.recorder.gossip.length > 0;
        },
        limitMs,
        "the small message",
      );
      expect(b.recorder.gossip.map(({ data }) => data.byteLength)).toEqual([3]);
    });

    test("isolates a peer, a validator too, for the time that it is told, and then has it back", async () => {
      const { members, all } = await group(3);
      const [a, b, c] = members as [Member, Member, Member];
      const isUp = (): boolean[] => [a.network.isUp(b.network.self), b.network.isUp(a.network.self)];
      const began = performance.now();
      a.network.isolate(b.network.self, 1_500);
      await until(() => !isUp().includes(true), limitMs, "down at both ends");
      expect(a.network.send(b.network.self, "consensus", Uint8Array.of(1))).toBe(false);
      await until(() => isUp().every(Boolean), limitMs, "up again at both ends");
      expect(performance.now() - began).toBeGreaterThan(1_400);
      // nobody else felt it
      expect(c.recorder.peers.every(({ up }) => up)).toBe(true);
      expect([a, b].every(({ network }) => network.isUp(all[2] as PeerName))).toBe(true);
    });

    test("tells of a peer that stops, within 300 ms of stopping, and of its return", async () => {
      const { a, b, fixture, all } = await pair(2);
      const stopTwice = async (): Promise<void> => {
        await b.network.stop();
        await b.network.stop();
      };
      expect(await ownTime(stopTwice)).toBeLessThan(350);
      await until(() => !a.network.isUp(b.network.self), limitMs, "down");
      expect(a.network.send(b.network.self, "sync", Uint8Array.of(1))).toBe(false);
      expect(b.network.send(a.network.self, "sync", Uint8Array.of(1))).toBe(false);
      const again = await join(fixture, 1, all);
      await until(() => a.network.isUp(again.network.self) && again.network.isUp(a.network.self), limitMs, "up again");
      expect(a.recorder.peers).toEqual([true, false, true].map((up) => ({ peer: again.network.self, up })));
      a.network.send(again.network.self, "sync", Uint8Array.of(5));
      await until(() => again.recorder.frames.length === 1, limitMs, "a frame after the return");
    });
  });
};
