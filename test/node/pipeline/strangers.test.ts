import { expect, it } from "vitest";
import { createCounters } from "../../../src/node/counters.ts";
import { refuseStrangers } from "../../../src/node/pipeline/strangers.ts";
import type { PeerName } from "../../../src/protocol/ids.ts";
import { network } from "../support.ts";

it("while memory is short validators alone are heard, and what others sent is counted", () => {
  const counters = createCounters();
  const heard: PeerName[] = [];
  let short = false;
  const validator = network.committee.validators[1]?.peer as PeerName;
  const observer = "observer" as PeerName;
  const onFrame = refuseStrangers(
    (from) => heard.push(from),
    network.committee,
    () => short,
    counters,
  );
  const both = () => {
    for (const from of [validator, observer]) onFrame(from, "sync", Uint8Array.of(1));
    return heard.splice(0);
  };
  expect(both()).toEqual([validator, observer]);
  short = true;
  expect(both()).toEqual([validator]);
  expect(counters.read()).toEqual({ "dropped.short-of-memory": 1 });
  short = false;
  expect(both()).toEqual([validator, observer]);
});
