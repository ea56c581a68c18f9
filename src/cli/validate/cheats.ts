/** f validators are told to cheat in each way that can be seen; who is found out is written down. */
import { setTimeout as delay } from "node:timers/promises";
import { hearLies } from "./lies.ts";
import { seatPrimary } from "./logs.ts";
import { type Before, countsOf, findOut, type Finding, grown, lookBefore } from "./senses.ts";
import { errorText, revive, type Stage } from "./stage.ts";
import { seatTricks, type Trick, tricks } from "./tricks.ts";
import { until } from "./wait.ts";

/** for one way to cheat to be found out: some are seen only with luck, at every checkpoint or question anew */
const limitMs = 25_000;
/** between two occasions to cheat */
const occasionMs = 2_000;
const pollMs = 200;
/** after the last blame it takes ten seconds until a validator is thought well of again */
const forgivenMs = 20_000;
/** how long repetitions are counted, with and without somebody who repeats */
const countMs = 2_500;

const behave = ({ testnet }: Stage, parts: readonly (readonly [cheat: number, behaviour: string])[]): Promise<unknown> =>
  Promise.all(parts.map(([cheat, behaviour]) => testnet.byzantine(cheat, behaviour)));

/** Writes down what was found of a cheat, and whether somebody honest was named meanwhile. */
const write = (stage: Stage, cheat: number, behaviour: string, finding: Finding | undefined, accusations: number): void => {
  const fair = stage.opinions.accusations.length === accusations;
  const correct = finding !== undefined && fair;
  const row = { node: cheat, behaviour, ...(finding ?? { method: "not found out", action: "none" }), correct };
  stage.detection.push(row);
  stage.book.tally("detection").check(correct, `node ${cheat}, ${behaviour}: ${fair ? "not found out" : "an honest one was named"}`);
  stage.note(`  node ${cheat} ${behaviour}: ${row.method}; ${row.action}`);
};

interface Player {
  readonly cheat: number;
  readonly trick: Trick;
  /** the view in which it is the primary */
  readonly seat?: number;
}

/** The one before it may have been found out and kept the seat all the same, with those who did not see it: it is made to leave. */
const takeSeat = async ({ testnet, honest, signal }: Stage, cheat: number, seat: number): Promise<void> => {
  const { view } = await testnet.client(honest[0] as number).status();
  if (view < seat) await seatPrimary(testnet, cheat, honest, signal);
};

/** Waits until each is found out, or time is up, giving them occasions meanwhile. */
const watchOut = async (stage: Stage, players: readonly Player[], before: Before): Promise<Map<Player, Finding>> => {
  const found = new Map<Player, Finding>();
  const began = performance.now();
  let lastOccasion = Number.NEGATIVE_INFINITY;
  while (found.size < players.length && performance.now() - began < limitMs) {
    stage.signal.throwIfAborted();
    if (performance.now() - lastOccasion > occasionMs) {
      lastOccasion = performance.now();
      for (const { trick, cheat } of players) await trick.occasion?.(stage, cheat);
    }
    for (const player of players) {
      if (found.has(player)) continue;
      if (player.seat !== undefined) await takeSeat(stage, player.cheat, player.seat);
      const finding = await findOut(stage, player.trick.sense, player.cheat, before, player.seat);
      if (finding !== undefined) found.set(player, finding);
      // one after the other
      else if (player.seat !== undefined) break;
    }
    await delay(pollMs);
  }
  return found;
};

/** These validators cheat, each in its way, until all are found out. */
const play = async (stage: Stage, players: readonly Player[], begin: () => Promise<readonly Player[]>): Promise<void> => {
  const { opinions, timeline } = stage;
  opinions.forget();
  const accusations = opinions.accusations.length;
  const before = await lookBefore(stage);
  await timeline.fault([...new Set(players.map(({ trick }) => trick.behaviour))].join(", "), async () => {
    const playing = await begin();
    const found = await watchOut(stage, playing, before);
    await behave(
      stage,
      playing.map(({ cheat }) => [cheat, "honest"]),
    );
    for (const player of playing) write(stage, player.cheat, player.trick.behaviour, found.get(player), accusations);
  });
};

/** Neighbours in the primary's seat, one after the other: each loses it to the next. */
const playInSeat = async (stage: Stage, those: readonly Trick[]): Promise<void> => {
  const { testnet, cheats, honest, n, signal } = stage;
  // the one before the first of them, so that the first comes to the seat as a cheat
  await seatPrimary(testnet, n - 1, honest, signal);
  const players = those.map((trick, at): Player => ({ trick, cheat: cheats[at] as number }));
  await play(stage, players, async () => {
    await behave(
      stage,
      players.map(({ cheat, trick }) => [cheat, trick.behaviour]),
    );
    const { view } = await testnet.client(honest[0] as number).status();
    await seatPrimary(testnet, cheats[0] as number, honest, signal);
    return players.map((player, at) => ({ ...player, seat: view + 1 + at }));
  });
};

/** Everybody thinks that well of the cheats again, or at least well enough to think worse. */
const forgiven = ({ opinions, honest, cheats, signal }: Stage, fully: boolean): Promise<void> =>
  until(
    "former lies are forgotten",
    forgivenMs,
    () =>
      honest.every((observer) =>
        cheats.every((cheat) => {
          const { reputation } = opinions.now(observer, cheat);
          return fully ? reputation === 1 : reputation > 0;
        }),
      ),
    signal,
  );

/** What honest nodes drop in a while in which no client asks for anything. */
const dropped = async (stage: Stage, counters: RegExp): Promise<number> => {
  const before = await countsOf(stage);
  await delay(countMs);
  let sum = 0;
  for (const [index, after] of await countsOf(stage)) for (const by of grown(before.get(index), after, counters).values()) sum += by;
  return sum;
};

/** Repetitions can be told from the usual only where there is little of it: while clients are silent. */
const playRepetition = async (stage: Stage, trick: Trick, counters: RegExp): Promise<void> => {
  const accusations = stage.opinions.accusations.length;
  for (const cheat of stage.cheats) {
    // it remembers what is said while there is something to say
    await behave(stage, [[cheat, trick.behaviour]]);
    await stage.witnesses.more(20, limitMs);
    const [many, few] = await stage.witnesses.silent(async () => {
      const repeated = await dropped(stage, counters);
      await behave(stage, [[cheat, "honest"]]);
      return [repeated, await dropped(stage, counters)] as const;
    });
    const found = many > 10 && many > 3 * few;
    const method = `${many} messages dropped in ${countMs / 1_000} s, ${few} once it was honest again`;
    write(stage, cheat, trick.behaviour, found ? { method, action: "dropped unread" } : undefined, accusations);
  }
};

const playForClients = async (stage: Stage, trick: Trick): Promise<void> => {
  const { cheats, opinions, timeline } = stage;
  const accusations = opinions.accusations.length;
  timeline.mark(trick.behaviour);
  await behave(
    stage,
    cheats.map((cheat) => [cheat, trick.behaviour]),
  );
  for (const { liar, refused, honestRefused } of await hearLies(stage, cheats)) {
    const found = refused > 0 && honestRefused === 0;
    const method = `${refused} answers did not verify`;
    write(stage, liar, trick.behaviour, found ? { method, action: "another node was asked" } : undefined, accusations);
  }
  await behave(
    stage,
    cheats.map((cheat) => [cheat, "honest"]),
  );
};

const playAnywhere = async (stage: Stage, trick: Trick): Promise<void> => {
  if (trick.sense.by === "repetition") return playRepetition(stage, trick, trick.sense.counters);
  if (trick.sense.by === "client") return playForClients(stage, trick);
  if (trick.sense.by === "suspicion") await forgiven(stage, trick.fresh === true);
  const players = stage.cheats.map((cheat): Player => ({ cheat, trick }));
  return play(stage, players, async () => {
    await behave(
      stage,
      players.map(({ cheat }) => [cheat, trick.behaviour]),
    );
    return players;
  });
};

/** What breaks off is told, and does not keep anybody from cheating in another way. */
const attempt = async (stage: Stage, those: readonly Trick[], run: () => Promise<void>): Promise<void> => {
  try {
    await run();
  } catch (error) {
    stage.signal.throwIfAborted();
    const reason = `${those.map(({ behaviour }) => behaviour).join(", ")}: ${errorText(error)}`;
    stage.note(`  ${reason}`);
    stage.book.tally("detection").broke(reason);
    await revive(stage);
  }
};

/** Every way that can be seen by validators, one after the other; in the primary's seat each of the cheats takes its turn with each way. */
export const cheat = async (stage: Stage): Promise<void> => {
  const { f, book, cheats } = stage;
  for (let at = 0; at < seatTricks.length; at += f) {
    const those = seatTricks.slice(at, at + f);
    for (let turn = 0; turn < those.length; turn += 1)
      await attempt(stage, those, () => playInSeat(stage, [...those.slice(turn), ...those.slice(0, turn)]));
  }
  const elsewhere = tricks.filter(({ sense }) => sense.by !== "client");
  for (const trick of elsewhere) await attempt(stage, [trick], () => playAnywhere(stage, trick));
  book
    .tally("detection")
    .tell(`${seatTricks.length} ways in the primary's seat and ${elsewhere.length} anywhere, by node ${cheats.join(" and ")}`);
};

/** Every way that only clients can see. */
export const cheatClients = async (stage: Stage): Promise<void> => {
  for (const trick of tricks.filter(({ sense }) => sense.by === "client")) await playAnywhere(stage, trick);
};
