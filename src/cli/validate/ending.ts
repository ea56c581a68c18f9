/** What is judged once everything is over: the logs of those who stayed honest, and what clients were told. */
import type { ClaimId } from "./claims.ts";
import { lostWrites } from "./judge.ts";
import { type Call, contradictions } from "./linearizability.ts";
import { type LogEntry, logOf, settled } from "./logs.ts";
import { errorText, type Stage } from "./stage.ts";

/** for nodes to come to one place */
const settleMs = 60_000;

const judgeAgreement = ({ book, honest }: Stage, logs: readonly (readonly LogEntry[])[], last: number): void => {
  const problems: string[] = [];
  for (let at = 0; at < last; at += 1) {
    const different = honest.filter((_, position) => logs[position]?.[at]?.essence !== logs[0]?.[at]?.essence);
    if (different.length > 0) problems.push(`sequence ${at + 1} differs at node ${different.join()} from node ${honest[0]}`);
  }
  const tally = book.tally("agreement");
  tally.count(last - problems.length, last, problems);
  tally.tell(`sequences 1 to ${last} of nodes ${honest.join()} compared: digest, log hash, time, requests`);
};

const judgeHistory = ({ book, witnesses }: Stage): void => {
  const tally = book.tally("linearizable");
  const answered = witnesses.calls.filter(({ outcome }) => outcome.type !== "unknown").length;
  const problems = contradictions(witnesses.calls);
  tally.count(Math.max(0, answered - problems.length), answered, problems);
  tally.tell(`${witnesses.calls.length} calls of clients that met in a few keys, ${answered} of them answered`);
};

const judgeWrites = async (stage: Stage, logs: readonly (readonly LogEntry[])[]): Promise<void> => {
  const { book, witnesses, honest, testnet } = stage;
  const tally = book.tally("durable");
  const written = witnesses.calls.filter(({ outcome }) => outcome.type === "written").length;
  const lost = new Map<Call, string>();
  for (const [position, index] of honest.entries())
    for (const { call, problem } of await lostWrites(testnet, index, witnesses.calls, logs[position] ?? [])) lost.set(call, problem);
  tally.count(written - lost.size, written, [...lost.values()]);
  tally.tell(
    `${written} acknowledged writes, each looked for at all ${honest.length} honest nodes: in the log where it was said to be, and in the state`,
  );
};

/** Opinions all along, and every proof that an honest node keeps. */
const judgeAccusations = async ({ testnet, book, honest, opinions }: Stage): Promise<void> => {
  const tally = book.tally("accusation");
  const names = new Map(honest.map((index) => [testnet.node(index).peerId, index]));
  let proofs = 0;
  for (const observer of honest) {
    const evidence = await testnet.client(observer).evidence();
    proofs += evidence.length;
    for (const subject of honest) {
      if (subject === observer) continue;
      const thought = opinions.accusations.find((each) => each.observer === observer && each.subject === subject);
      const proof = evidence.find(({ culprits }) => culprits.some(({ peerId }) => names.get(peerId) === subject));
      const said = proof?.kind ?? (thought === undefined ? "" : `${thought.opinion.standing}, reputation ${thought.opinion.reputation}`);
      tally.check(said === "", `node ${observer} held ${said} against node ${subject}`);
    }
  }
  tally.tell(
    `${honest.length} honest validators, ${opinions.looks} looks at what they thought of each other, ${proofs} proofs that they keep`,
  );
};

const judgeLogs = async (stage: Stage): Promise<void> => {
  const { testnet, honest, signal } = stage;
  const last = await settled(testnet, honest, settleMs, signal);
  const logs: LogEntry[][] = [];
  for (const index of honest) logs.push(await logOf(testnet, index, 1, last));
  judgeAgreement(stage, logs, last);
  await judgeWrites(stage, logs);
};

/** Judges what is wanted of what can only be told in the end, each by itself: what can not be judged is said, and does not keep the others from it. */
export const judgeEnd = async (stage: Stage, wanted: readonly ClaimId[]): Promise<void> => {
  const { witnesses, opinions, book, signal } = stage;
  await witnesses.stop();
  await opinions.stop();
  const judges = [
    { of: ["linearizable"], judge: () => judgeHistory(stage) },
    { of: ["agreement", "durable"], judge: () => judgeLogs(stage) },
    { of: ["accusation"], judge: () => judgeAccusations(stage) },
  ] as const;
  for (const { of, judge } of judges) {
    const ids = of.filter((id) => wanted.includes(id));
    if (ids.length === 0) continue;
    try {
      await judge();
    } catch (error) {
      signal.throwIfAborted();
      for (const id of ids) book.tally(id).broke(`in the end: ${errorText(error)}`);
    }
  }
};
