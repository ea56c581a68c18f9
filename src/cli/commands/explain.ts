/** `byz explain` */
import { Option } from "commander";
import type { ExplainAnswer } from "../../client/operate-answers.ts";
import { visible } from "../../node/home/printable.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand } from "../command.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";

const yes = (is: boolean): string => (is ? "yes" : "-");

const render = (session: Session, answer: ExplainAnswer): string => {
  const since = answer.blocked === undefined ? "" : `, since ${new Date(answer.blocked.since).toISOString()} (${answer.blocked.reason})`;
  const head = `${answer.committing ? "committing" : "not committing"}${since}`;
  const rows = answer.validators.map((validator) => [
    `${validator.moniker ?? validator.index}${validator.self ? " (this one)" : ""}`,
    validator.primary ? "primary" : "-",
    validator.self ? "-" : yes(validator.reachable),
    yes(validator.prepared),
    yes(validator.committed),
    yes(validator.wantsView),
    validator.view === undefined ? "-" : String(validator.view),
    validator.executed === undefined ? "-" : String(validator.executed),
  ]);
  const headings = ["VALIDATOR", "ROLE", "REACHED", "PREPARED", "COMMITTED", "ASKS FOR A VIEW", "VIEW", "EXECUTED"];
  return [
    session.bold(head),
    ...answer.summary.map((sentence) => `  ${visible(sentence)}`),
    "",
    `votes for sequence ${answer.next.sequence}${answer.next.proposed ? "" : ", which is not proposed yet"}, in view ${answer.view.number}`,
    table(session, headings, rows),
  ].join("\n");
};

export const explainCommand = defineCommand<{ watch?: boolean }>({
  usage: "explain",
  summary: "Why the network is not committing right now, if it is not: which votes are missing from whom, since when",
  options: [new Option("--watch", "again every second")],
  examples: ["byz explain", "byz explain --api http://127.0.0.1:27659 --json"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const answer = await client.explain();
      session.answer(() => render(session, answer), answer);
    });
  },
});
