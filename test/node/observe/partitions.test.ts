import { describe, expect, it } from "vitest";
import type { Happening } from "../../../src/node/feeds.ts";
import { createCutter, createPartitionObserver, partitionReports } from "../../../src/node/observe/partitions.ts";
import type { Episode } from "../../../src/partition/episodes.ts";
import { type ReplicaIndex, toPeerName } from "../../../src/protocol/ids.ts";
import { network } from "../support.ts";

const index = (value: number): ReplicaIndex => value as ReplicaIndex;
const links = { sides: [[index(0), index(1)], [index(2), index(3)]], broken: [{ from: index(0), to: index(2) }] }; // prettier-ignore
const open: Episode = {
  id: "5-1",
  since: 5.4,
  state: "split",
  ...links,
  sequences: { since: 9 },
  phases: [{ at: 5.4, state: "split", ...links }],
  conflicts: [],
};
const closed: Episode = {
  ...open,
  until: 905.6,
  sequences: { since: 9, until: 12 },
  catchUp: { sequences: 3, bytes: 7, milliseconds: 11 },
};

const createLog = () => {
  const said: string[] = [];
  const say = (_fields: object, message: string) => void said.push(message);
  return { said, logger: { debug: () => undefined, info: say, warn: say, error: say } };
};

describe("a partition's report", () => {
  it("names peers, in whole milliseconds, and leaves out what there is not", () => {
    const sides = [["peer-0", "peer-1"], ["peer-2", "peer-3"]]; // prettier-ignore
    const brokenLinks = [{ from: "peer-0", to: "peer-2" }];
    expect(partitionReports(network.committee, [open])).toEqual([
      {
        id: "5-1",
        since: 5,
        state: "split",
        sides,
        brokenLinks,
        sequences: { since: 9 },
        phases: [{ at: 5, state: "split", sides, brokenLinks }],
      },
    ]);
    const conflicts = [{ kind: "conflicting-commit", detail: "at 9", resolution: "stopped" }];
    const [report] = partitionReports(network.committee, [{ ...closed, broken: [], conflicts }]);
    expect(report).toMatchObject({ until: 906, catchUp: { sequences: 3, bytes: 7, milliseconds: 11 }, conflicts });
    expect(report).not.toHaveProperty("brokenLinks");
  });

  it("is told as events; the log has its beginning and its end, not every change", () => {
    const { said, logger } = createLog();
    const told: Happening[] = [];
    const observe = createPartitionObserver({ committee: network.committee, logger, tell: (happening) => told.push(happening) });
    observe({ type: "opened", episode: open });
    for (let turn = 0; turn < 100; turn += 1) observe({ type: "changed", episode: open });
    observe({ type: "closed", episode: closed });
    expect(told).toHaveLength(102);
    expect(told[0]).toMatchObject({ type: "partition_opened", partition: "5-1", state: "split" });
    expect(told.at(-1)).toMatchObject({ type: "partition_closed", milliseconds: 901, catchUp: { sequences: 3 } });
    expect(said).toEqual(["the network is cut", "the network is whole again"]);
  });
});

describe("a cut on request", () => {
  const createAsked = (testnet: boolean) => {
    const made: unknown[] = [];
    const { logger } = createLog();
    return { made, cut: createCutter({ testnet, self: toPeerName("peer-0"), setCut: (...cut) => void made.push(cut), logger }) };
  };

  it("is made in a test network only", () => {
    const real = createAsked(false);
    expect(real.cut({ peers: ["peer-1"], direction: "both" })).toMatchObject({ ok: false, failure: { code: "invalid_request" } });
    expect(real.cut({ peers: [], direction: "both" }).ok).toBe(false);
    expect(real.made).toEqual([]);
    const test = createAsked(true);
    expect(test.cut({ peers: ["peer-1"], direction: "inbound" })).toMatchObject({ ok: true, value: { peers: ["peer-1"] } });
    expect(test.made).toEqual([[["peer-1"], "inbound"]]);
  });

  it("never from oneself", () => {
    const { made, cut } = createAsked(true);
    expect(cut({ peers: ["peer-1", "peer-0"], direction: "both" })).toMatchObject({ ok: false, failure: { code: "invalid_request" } });
    expect(made).toEqual([]);
  });
});
