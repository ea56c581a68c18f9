/** The liar to those who fetch the state: not one true word about any part of it, and all of it lies that the wire takes. */
import { describe, expect, it } from "vitest";
import type { AdversaryKit } from "../../src/adversaries/kit.ts";
import { lieInTransfer } from "../../src/adversaries/transfer.ts";
import type { Network } from "../../src/network/port.ts";
import type { Digest, PeerName, ReplicaIndex } from "../../src/protocol/ids.ts";
import type { StateAnswer } from "../../src/protocol/messages.ts";
import { decodeSyncFrame, encodeFrame } from "../../src/wire/frames.ts";
import { createRandom } from "../fuzz/random.ts";
import { createTestNetwork } from "../signing/network.ts";

const net = createTestNetwork(4);
const hash = "ab".repeat(32) as Digest;
const entry = (key: number, value: readonly number[]) => ({ key: Uint8Array.of(key), value: Uint8Array.from(value) });

const truths: readonly StateAnswer[] = [
  { type: "page", hash, page: Uint8Array.from({ length: 40 }, (_, index) => index) },
  { type: "entries", hash, entries: [entry(1, [1, 2, 3]), entry(2, [4])] },
  { type: "entries", hash, entries: [entry(1, [])] },
];

const createLiar = (): ((answers: readonly StateAnswer[]) => readonly StateAnswer[]) => {
  const sent: Uint8Array[] = [];
  const random = createRandom(7);
  const wire = {
    self: "peer-0",
    send: (_to: PeerName, _channel: string, frame: Uint8Array) => (sent.push(frame), true),
  } as unknown as Network;
  const kit: AdversaryKit = {
    committee: net.committee,
    self: 0 as ReplicaIndex,
    signer: net.signer(0),
    signBytes: net.trust.signBytes,
    random: () => random.int(2 ** 30) / 2 ** 30,
    floodRate: 0,
    after: () => undefined,
  };
  const network = lieInTransfer(wire, kit);
  return (answers) => {
    network.send("peer-1" as PeerName, "sync", encodeFrame({ kind: "state", answers }));
    const decoded = decodeSyncFrame(sent.pop() ?? new Uint8Array());
    if (!decoded.ok || decoded.value.kind !== "state") throw new Error("not an answer about the state");
    return decoded.value.answers;
  };
};

describe("a liar in state transfer", () => {
  it("answers every part with another one of the same name, or says that there is none", () => {
    const lie = createLiar();
    const told = new Set<string>();
    for (let round = 0; round < 500; round += 1) {
      const answers = lie(truths);
      expect(answers.map((answer) => answer.hash)).toEqual(truths.map(() => hash));
      answers.forEach((answer, index) => {
        expect(answer).not.toEqual(truths[index]);
        told.add(`${index} ${answer.type}`);
      });
    }
    expect([...told].toSorted()).toEqual(["0 gone", "0 page", "1 entries", "1 gone", "2 entries", "2 gone"]);
  });
});
