/** Cuts that leave no side a quorum, and their end. */
import { setTimeout as delay } from "node:timers/promises";
import { bounds } from "./claims.ts";
import { watchOthers } from "./machine.ts";
import { atRest, calm, codeOf, since, type Stage, statusesOf } from "./stage.ts";
import { eventually, until } from "./wait.ts";

const cuts = 2;
/** how long a cut lasts once everybody knows of it */
const holdMs = 2_000;
/** refused through each node */
const writesEach = 5;
const patienceMs = 20_000;

/** Two halves, others in each round. */
const halves = (all: readonly number[], round: number): readonly (readonly number[])[] => {
  const turned = all.map((_, at) => all[(at + round) % all.length] as number);
  const middle = Math.ceil(all.length / 2);
  return [turned.slice(0, middle), turned.slice(middle)];
};

/** Nothing may be ordered while it lasts. @returns the highest place anybody is at */
const hold = async (stage: Stage): Promise<number> => {
  const { testnet, all, witnesses, figures, book, signal } = stage;
  const tally = book.tally("cut");
  await until(
    "both sides know that they are cut",
    10_000,
    async () => (await statusesOf(stage, all)).every(({ connectivity }) => connectivity === "split"),
    signal,
  );
  const stand = await atRest(stage, all);
  const before = (await statusesOf(stage, all)).map(({ sequence }) => sequence.executed);
  for (let at = 0; at < writesEach * all.length; at += 1) {
    signal.throwIfAborted();
    const asked = performance.now();
    const code = await codeOf(testnet.client(all[at % all.length] as number).put("cut/write", String(at)));
    figures.refusalMs = Math.max(figures.refusalMs ?? 0, since(asked));
    tally.check(code === "no_quorum", `a write ended with ${code === "none" ? "an acknowledgement" : code}`);
  }
  await delay(holdMs);
  const after = (await statusesOf(stage, all)).map(({ sequence }) => sequence.executed);
  for (const index of all) tally.check(after[index] === before[index], `node ${index} went on from ${before[index]} to ${after[index]}`);
  // a write that is repeated may hear only now of what was committed before the cut; nothing later was
  const later = witnesses.calls.filter(({ outcome }) => outcome.type === "written" && outcome.sequence > stand);
  tally.check(later.length === 0, `${later.length} writes were acknowledged`);
  return stand;
};

/** Ends the cut and looks how long it takes until all is as before. */
const heal = async (stage: Stage, stand: number): Promise<void> => {
  const { testnet, all, witnesses, figures, book, signal } = stage;
  const tally = book.tally("heal");
  const calls = witnesses.calls.length;
  const others = watchOthers(testnet);
  const healed = performance.now();
  await testnet.heal();
  const write = eventually(
    "a write after the heal",
    patienceMs,
    () => witnesses.calls.slice(calls).find(({ outcome }) => outcome.type === "written" && outcome.sequence > stand),
    signal,
  );
  const whole = Promise.all(
    all.map(async (index) => {
      await until(
        `node ${index} is whole`,
        patienceMs,
        async () => (await testnet.client(index).status()).connectivity === "whole",
        signal,
      );
      return since(healed);
    }),
  );
  const [{ end }, wholes] = await Promise.all([write, whole]);
  const firstWriteMs = Math.round(end - healed);
  const busy = others();
  tally.check(firstWriteMs <= bounds.firstWriteMs, `the first write took ${firstWriteMs} ms${busy}`);
  wholes.forEach((took, index) => tally.check(took <= bounds.wholeMs, `node ${index} was whole after ${took} ms${busy}`));
  const wholeMs = Math.max(...wholes);
  tally.tell(`first write after ${firstWriteMs} ms, all whole after ${wholeMs} ms`);
  stage.note(`  healed: first write after ${firstWriteMs} ms, all whole after ${wholeMs} ms`);
  figures.firstWriteMs = [...(figures.firstWriteMs ?? []), firstWriteMs];
  figures.wholeMs = [...(figures.wholeMs ?? []), wholeMs];
};

/** Cuts the network in halves, and heals it. */
export const cutInHalves = async (stage: Stage): Promise<void> => {
  const { testnet, all, timeline, witnesses, book } = stage;
  for (let round = 0; round < cuts; round += 1) {
    const groups = halves(all, round);
    const name = groups.map((group) => group.length).join(" | ");
    await timeline.fault(`cut ${name}`, async () => {
      await testnet.partition(groups);
      const stand = await hold(stage);
      timeline.mark("healed");
      await heal(stage, stand);
      await witnesses.more(1, patienceMs);
    });
    book.tally("cut").tell(`cut ${name}: ${groups.map((group) => group.join()).join(" | ")}`);
    await calm(stage);
  }
};
