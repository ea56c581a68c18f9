import { expect, it } from "vitest";
import { createTurns } from "../../src/api/turns.ts";
import { start, until } from "./harness.ts";

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

it("are taken for metrics: who asks without pause gets half of the time", async () => {
  const { url, service } = await start();
  const text = "byz_view 3\n";
  service.metrics = async () => {
    const began = performance.now();
    while (performance.now() - began < 20);
    return { type: "text/plain", text };
  };
  const began = performance.now();
  const texts = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(`${url}/metrics`)).text()));
  expect(texts).toEqual(Array.from({ length: 10 }, () => text));
  // ten times 20 ms, and as long in between
  expect(performance.now() - began).toBeGreaterThan(340);
});
