import { describe, expect, it } from "vitest";
import { checkCut, nodeCut } from "../../src/testnet/cuts.ts";
import { TestnetError } from "../../src/testnet/index.ts";
import type { TestnetCut, TestnetNode, TestnetState } from "../../src/testnet/index.ts";

const node = (index: number): TestnetNode => ({
  index,
  role: "validator",
  peerId: `peer-${index}`,
  api: "",
  p2p: "",
  pid: null,
  started: null,
  home: "",
  behaviour: "honest",
});
const state = (cut: TestnetCut | null): TestnetState => ({ chainId: "t", owner: null, cut, nodes: [0, 1, 2, 3, 4].map(node) });
const none = { peers: [], direction: "both" };

describe("what a node is cut from", () => {
  it("in both directions: everybody of the other groups, and nobody else", () => {
    const cut = state({ groups: [[0, 1], [2], [3]], oneWay: false });
    expect(nodeCut(cut, 0)).toEqual({ peers: ["peer-2", "peer-3"], direction: "both" });
    expect(nodeCut(cut, 2)).toEqual({ peers: ["peer-0", "peer-1", "peer-3"], direction: "both" });
    expect(nodeCut(cut, 4)).toEqual(none);
  });

  it("in one direction: the second group loses what the first sends", () => {
    const cut = state({ groups: [[0], [1, 2]], oneWay: true });
    expect(nodeCut(cut, 0)).toEqual(none);
    expect(nodeCut(cut, 2)).toEqual({ peers: ["peer-0"], direction: "inbound" });
    expect(nodeCut(cut, 3)).toEqual(none);
  });

  it("is nothing once healed", () => {
    expect([0, 1, 2, 3, 4].map((index) => nodeCut(state(null), index))).toEqual([none, none, none, none, none]);
  });
});

describe("a cut", () => {
  it.each([
    [[[0, 1]], false, "usage"],
    [[[0], []], false, "usage"],
    [
      [
        [0, 1],
        [1, 2],
      ],
      false,
      "usage",
    ],
    [[[0], [1], [2]], true, "usage"],
    [[[0], [5]], false, "no_such_node"],
  ])("of %j (one-way: %j) is refused as %s", (groups, oneWay, code) => {
    const refusal = (): unknown => {
      try {
        return checkCut(state(null), groups, oneWay);
      } catch (error) {
        return error;
      }
    };
    expect(refusal()).toBeInstanceOf(TestnetError);
    expect(refusal()).toMatchObject({ code, exitCode: 2 });
  });
});
