import { expect, it } from "vitest";
import { createTurns } from "../../src/api/turns.ts";
import { until } from "./harness.ts";

it("gives turns one at a time, in order, and the time between them to everything else", async () => {
  let time = 0;
  const turn = createTurns({ now: () => time });
  const [done, others]: [number[], number[]] = [[], []];
  const work = async (index: number): Promise<void> => {
    await turn();
    done.push(index);
    time += 20;
  };
  const other = (): void => {
    others.push(done.length);
    if (done.length < 5) setImmediate(other);
  };
  setImmediate(other);
  for (let index = 0; index < 5; index += 1) void work(index);
  await until(() => done.length === 5);
  expect(done).toEqual([0, 1, 2, 3, 4]);
  // others ran after each of them
  expect(others).toEqual(expect.arrayContaining([1, 2, 3, 4]));
});
