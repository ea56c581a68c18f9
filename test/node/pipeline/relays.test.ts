/** Requests on their way to other validators share frames (PROTOCOL §3.1). */
import { describe, expect, it } from "vitest";
import { createRelays } from "../../../src/node/pipeline/relays.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import { limits } from "../../../src/protocol/limits.ts";
import type { Request } from "../../../src/protocol/messages.ts";

const requestOf = (bytes: number, sequence = 0): Request => ({ sequence, bytes: new Uint8Array(bytes) }) as Request;
const [zero, two] = [0, 2] as ReplicaIndex[];

const create = () => {
  const turns: (() => void)[] = [];
  const sent: { readonly to: ReplicaIndex; readonly sequences: number[] }[] = [];
  const relays = createRelays({
    soon: (callback) => turns.push(callback),
    send: (to, requests) => sent.push({ to, sequences: requests.map(({ sequence }) => sequence) }),
  });
  const endTurn = (): void => {
    for (const turn of turns.splice(0)) turn();
  };
  return { relays, sent, endTurn };
};

describe("relays", () => {
  it("of one event leave together, in order, and nothing leaves twice", () => {
    const { relays, sent, endTurn } = create();
    for (const sequence of [1, 2, 3]) relays.add([zero as ReplicaIndex], [requestOf(100, sequence)]);
    relays.add([two as ReplicaIndex, zero as ReplicaIndex], [requestOf(100, 4)]);
    expect(sent).toEqual([]);
    endTurn();
    expect(sent).toEqual([
      { to: zero, sequences: [1, 2, 3, 4] },
      { to: two, sequences: [4] },
    ]);
    endTurn();
    expect(sent.length).toBe(2);
    relays.add([zero as ReplicaIndex], [requestOf(100, 5)]);
    endTurn();
    expect(sent[2]).toEqual({ to: zero, sequences: [5] });
  });

  it("are cut into frames that a receiver takes", () => {
    const { relays, sent, endTurn } = create();
    relays.add([zero as ReplicaIndex], [requestOf(700_000, 1), requestOf(700_000, 2), requestOf(100, 3)]);
    relays.add(
      [two as ReplicaIndex],
      Array.from({ length: limits.maxRequestsPerBatch + 1 }, () => requestOf(1)),
    );
    endTurn();
    expect(sent.map(({ to, sequences }) => [to, sequences.length])).toEqual([
      [zero, 1],
      [zero, 2],
      [two, limits.maxRequestsPerBatch],
      [two, 1],
    ]);
  });
});
