/** `byz watch` */
import { Option } from "commander";
import type { WatchEvent } from "../../client/operate-answers.ts";
import { watchEvents } from "../../client/watch-events.ts";
import { visible } from "../../node/home/printable.ts";
import { clientOf } from "../client.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { exitCodes } from "../errors.ts";
import { keyText, valueText } from "../value.ts";

const line = (event: WatchEvent): string => {
  const key = visible(keyText(event));
  if (event.type === "delete") return `${event.sequence}  delete  ${key}`;
  return `${event.sequence}  put     ${key}  v${event.version}  ${visible(valueText(event))}`;
};

export const watchCommand = defineCommand<{ from?: number; count?: number }>({
  usage: "watch [prefix]",
  summary: "Shows changes of keys as they are executed, until interrupted; goes on with the next --api where one breaks off",
  arguments: { prefix: "only keys that begin with it" },
  options: [
    new Option("--from <sequence>", "begin with this block instead of now").argParser(wholeNumber(0)),
    new Option("--count <n>", "end after so many changes").argParser(wholeNumber(1)),
  ],
  examples: ["byz watch user/", "byz watch --from 1 --json"],
  exits: [4],
  async run(session, [prefix = ""], { from, count }) {
    clientOf(session); // complains about bad URLs
    const { signal } = session.io;
    const onBreak = (url: string, reason: string): void => session.note(`${url}: ${reason}; going on`);
    const options = { urls: session.apiUrls, prefix, signal, onBreak, ...(from === undefined ? {} : { from }) };
    let shown = 0;
    for await (const event of watchEvents(options)) {
      // with --json one document a line
      session.answer(() => line(event), event);
      shown += 1;
      if (shown === count) return exitCodes.done;
    }
    return exitCodes.interrupted;
  },
});
