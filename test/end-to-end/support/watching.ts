/** What tests of cuts ask of one network. */
import type { PartitionAnswer } from "../../../src/client/partition-answers.ts";
import type { StatusAnswer } from "../../../src/client/answers.ts";
import type { Testnet } from "../../../src/testnet/index.ts";
import { indexesOf } from "./network.ts";
import { eventually, unchanged, until } from "./wait.ts";

/** Silence is noticed after about 1.5 s; where heartbeats come unevenly, as on a busy machine, after some 5 s at most (docs/partitions.md). */
export const noticedMs = 8_000;

type Connectivity = StatusAnswer["connectivity"];

export const watching = (testnet: Testnet) => {
  const statuses = (indexes: readonly number[] = indexesOf(testnet)): Promise<StatusAnswer[]> =>
    Promise.all(indexes.map((index) => testnet.client(index).status()));
  const names = (indexes: readonly number[]): string[] => indexes.map((index) => testnet.node(index).peerId);
  return {
    statuses,
    names,
    /** what all of them are, once what was under way when they were cut is done */
    still: (): Promise<StatusAnswer[]> => unchanged("nothing moves", 10_000, statuses, (seen) => seen.map(({ sequence }) => sequence)),
    views: async (): Promise<number[]> => (await statuses()).map(({ view }) => view),
    /** The groups' own states, and that each names the sides. @returns milliseconds it took */
    async noticed(groups: readonly (readonly number[])[], states: readonly Connectivity[]): Promise<number> {
      const since = performance.now();
      await until("everybody knows the sides", noticedMs, async () => {
        const seen = await Promise.all(groups.map((group) => statuses(group)));
        return seen.every((group, position) =>
          group.every(({ connectivity, sides }) => {
            const own = [...(sides[0] ?? [])].toSorted().join();
            return (
              connectivity === states[position] &&
              own ===
                names(groups[position] ?? [])
                  .toSorted()
                  .join()
            );
          }),
        );
      });
      return performance.now() - since;
    },
    /** @returns milliseconds until all say `whole` */
    async whole(limitMs = 20_000): Promise<number> {
      const since = performance.now();
      await until("all are whole", limitMs, async () => (await statuses()).every(({ connectivity }) => connectivity === "whole"));
      return performance.now() - since;
    },
    /** the last partition that a node reports, once it is over */
    lastReport: (index: number): Promise<PartitionAnswer> =>
      eventually("the partition is over", 20_000, async () => {
        const last = (await testnet.client(index).partitions()).at(-1);
        return last?.until === undefined ? undefined : last;
      }),
  };
};
