/** kill -9 of the primary, of f, of one more than that, of everybody. */
import { bounds } from "./claims.ts";
import { primaryAsSeenBy } from "./logs.ts";
import { watchOthers } from "./machine.ts";
import { atRest, calm, codeOf, since, type Stage, statusesOf } from "./stage.ts";
import { until } from "./wait.ts";

/** answers after which clients count as served again */
const served = 20;
/** for what must come back by itself */
const patienceMs = 30_000;

const primaryKills = 5;

/** Kills whoever is the primary, several times. */
export const killPrimary = async (stage: Stage): Promise<void> => {
  const { testnet, witnesses, timeline, figures, book } = stage;
  const tally = book.tally("primary");
  for (let round = 0; round < primaryKills; round += 1) {
    const primary = await primaryAsSeenBy(testnet, stage.honest[0] as number);
    const others = watchOthers(testnet);
    const { gapMs } = await timeline.fault(`primary ${primary} killed`, async () => {
      await testnet.kill(primary);
      await witnesses.more(served, patienceMs);
    });
    stage.note(`  primary ${primary} killed: ${gapMs} ms without an answer`);
    figures.recoveryMs = [...(figures.recoveryMs ?? []), gapMs];
    tally.check(gapMs <= bounds.recoveryMs, `${gapMs} ms without an answer after the kill of primary ${primary}${others()}`);
    await calm(stage);
  }
  tally.tell(`without an answer for ${(figures.recoveryMs ?? []).join(", ")} ms`);
};

/** through each node that is left */
const writesWithoutF = 15;
/** a network that is down stays so: each of the other writes would be waited for in vain */
const maxFailures = 3;
const writesWithoutMore = 30;

/** Through each of these nodes one after the other. @returns the codes of those that failed */
const writeThrough = async ({ testnet, signal }: Stage, through: readonly number[], each: number): Promise<string[]> => {
  const failures: string[] = [];
  await Promise.all(
    through.map(async (index) => {
      for (let at = 0; at < each; at += 1) {
        signal.throwIfAborted();
        const code =
          failures.length < maxFailures
            ? await codeOf(testnet.client(index).put(`crash/${index}/${at}`, String(at)))
            : "not tried any more";
        if (code !== "none") failures.push(code);
      }
    }),
  );
  return failures;
};

/** So many more that a quorum is not left; then all are back. */
const killBeyond = async (stage: Stage, gone: readonly number[], left: readonly number[]): Promise<void> => {
  const { testnet, quorum, witnesses, timeline, book, signal } = stage;
  const tally = book.tally("crash-more");
  const more = left.slice(0, left.length - quorum + 1);
  const rest = left.slice(more.length);
  const name = `${gone.length + more.length} killed`;
  await timeline.fault(name, async () => {
    await Promise.all(more.map((index) => testnet.kill(index)));
    await until(
      "those that are left know that they are too few",
      15_000,
      async () => (await statusesOf(stage, rest)).every(({ blocked }) => blocked?.reason === "no_quorum"),
      signal,
    );
    const stand = await atRest(stage, rest);
    for (let at = 0; at < writesWithoutMore; at += 1) {
      const code = await codeOf(testnet.client(rest[at % rest.length] as number).put("crash/more", String(at)));
      tally.check(code === "no_quorum", `a write with ${name} ended with ${code === "none" ? "an acknowledgement" : code}`);
    }
    const executed = Math.max(...(await statusesOf(stage, rest)).map(({ sequence }) => sequence.executed));
    const acknowledged = witnesses.calls.filter(({ outcome }) => outcome.type === "written" && outcome.sequence > stand);
    tally.check(executed === stand && acknowledged.length === 0, `something was ordered with ${name}: ${stand} became ${executed}`);
    await Promise.all([...gone, ...more].map((index) => testnet.restart(index)));
    const back = performance.now();
    await witnesses.more(served, patienceMs);
    tally.tell(`answered again ${since(back)} ms after the restart`);
    tally.check(true, "");
  });
};

/** f at once, the primary and those next in line; then one more; then all are back. */
export const killMany = async (stage: Stage): Promise<void> => {
  const { testnet, n, f, timeline, book, figures, all } = stage;
  const tally = book.tally("crash-f");
  const primary = await primaryAsSeenBy(testnet, stage.honest[0] as number);
  const victims = Array.from({ length: f }, (_, at) => (primary + at) % n);
  const left = all.filter((index) => !victims.includes(index));
  const { gapMs } = await timeline.fault(`${f} killed`, async () => {
    await Promise.all(victims.map((index) => testnet.kill(index)));
    const failures = await writeThrough(stage, left, writesWithoutF);
    const writes = left.length * writesWithoutF;
    tally.count(writes - failures.length, writes, failures);
  });
  figures.crashGapMs = [...(figures.crashGapMs ?? []), gapMs];
  tally.tell(`nodes ${victims.join(" and ")} of ${n} killed, ${gapMs} ms without an answer`);
  stage.note(`  ${f} killed: ${gapMs} ms without an answer`);

  await killBeyond(stage, victims, left);
  await calm(stage);
};

const totalKills = 3;

/** Everybody at once, and back. What became of acknowledged writes is judged in the end. */
export const killAll = async (stage: Stage): Promise<void> => {
  const { testnet, all, witnesses, timeline, figures, book } = stage;
  for (let round = 0; round < totalKills; round += 1) {
    const start = performance.now();
    await timeline.fault("all killed", async () => {
      await Promise.all(all.map((index) => testnet.kill(index)));
      await Promise.all(all.map((index) => testnet.restart(index)));
      await witnesses.more(served, 2 * patienceMs);
    });
    const took = since(start);
    stage.note(`  all killed: answered again after ${took} ms`);
    figures.restartMs = [...(figures.restartMs ?? []), took];
    await calm(stage);
  }
  book.tally("durable").tell(`all killed at once ${totalKills} times`);
};
