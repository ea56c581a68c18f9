import { describe, expect, it } from "vitest";
import { createFetcher } from "../../../src/node/pipeline/fetcher.ts";
import type { Digest, ReplicaIndex } from "../../../src/protocol/ids.ts";
import type { Batch } from "../../../src/protocol/messages.ts";
import { blockAt } from "../support.ts";

const peers = (...indexes: number[]): ReplicaIndex[] => indexes as ReplicaIndex[];

const createOn = (stored: readonly Batch[] = []) => {
  const clock = { now: 0 };
  const asked: string[] = [];
  const found: Digest[] = [];
  const fetcher = createFetcher({
    local: (digest) => stored.find((batch) => batch.digest === digest),
    found: (batch) => void found.push(batch.digest),
    ask: (peer, digest) => void asked.push(`${peer} ${digest.slice(0, 4)}`),
    now: () => clock.now,
    timeoutMs: 100,
  });
  return { clock, asked, found, fetcher };
};

const { digest } = blockAt(1).batch;
const short = digest.slice(0, 4);

describe("a batch that is wanted", () => {
  it("comes from our own store where it lies there", () => {
    const { fetcher, asked, found } = createOn([blockAt(1).batch]);
    fetcher.want(digest, peers(1, 2));
    expect(found).toEqual([digest]);
    expect(asked).toEqual([]);
    expect(fetcher.deadline()).toBeUndefined();
  });

  it("is asked of one peer after another, until it arrives", () => {
    const { fetcher, asked, clock } = createOn();
    fetcher.want(digest, peers(1, 2));
    fetcher.tick();
    expect(asked).toEqual([`1 ${short}`]);
    expect(fetcher.deadline()).toBe(100);
    clock.now = 100;
    fetcher.tick();
    expect(asked).toEqual([`1 ${short}`, `2 ${short}`]);
    expect(fetcher.arrived(digest)).toBe(true);
    expect(fetcher.arrived(digest)).toBe(false);
    expect(fetcher.deadline()).toBeUndefined();
  });

  it("takes on peers that are named later, and is forgotten when all were asked", () => {
    const { fetcher, asked, clock } = createOn();
    fetcher.want(digest, peers(1));
    fetcher.want(digest, peers(3));
    clock.now = 100;
    fetcher.tick();
    clock.now = 200;
    fetcher.tick();
    expect(asked).toEqual([`1 ${short}`, `3 ${short}`]);
    expect(fetcher.arrived(digest)).toBe(false);
    fetcher.want(digest, peers(2));
    expect(asked.at(-1)).toBe(`2 ${short}`);
  });

  it("is not asked for while a copy of it is being checked, and never once that is good", () => {
    const { fetcher, asked, clock } = createOn();
    const checked = fetcher.checking(digest);
    fetcher.want(digest, peers(1, 2));
    clock.now = 99;
    fetcher.tick();
    checked(true);
    clock.now = 1_000;
    fetcher.tick();
    expect(asked).toEqual([]);
    expect(fetcher.deadline()).toBeUndefined();
    fetcher.want(digest, peers(1));
    expect(asked).toHaveLength(1);
  });

  it("is asked for at once when the last copy was refused, and when the check takes too long", () => {
    const { fetcher, asked, clock } = createOn();
    const [one, other] = [fetcher.checking(digest), fetcher.checking(digest)];
    fetcher.want(digest, peers(1, 2));
    one(false);
    expect(asked).toEqual([]);
    clock.now = 100;
    fetcher.tick();
    expect(asked).toEqual([`1 ${short}`]);
    other(false);
    expect(asked).toEqual([`1 ${short}`, `2 ${short}`]);
  });

  it("is one of a bounded number", () => {
    const { fetcher } = createOn();
    const digests = Array.from({ length: 600 }, (_, index) => index.toString(16).padStart(64, "0") as Digest);
    for (const each of digests) fetcher.want(each, peers(1));
    expect(digests.filter((each) => fetcher.arrived(each))).toHaveLength(512);
  });
});
