/** `byz del` */
import { Option } from "commander";
import { defineCommand, wholeNumber } from "./command.ts";
import { keyBytes, submit } from "./submit.ts";

export const delCommand = defineCommand<{ ifVersion?: number }>({
  usage: "del <key>",
  summary: "Deletes a key, signed with the home's client.key",
  arguments: { key: "its name" },
  options: [new Option("--if-version <n>", "only if the key has this version").argParser(wholeNumber(1))],
  examples: ["byz del greeting", "byz del greeting --if-version 2 --json"],
  exits: [3, 4, 5],
  async run(session, [key = ""], { ifVersion }) {
    const expect = ifVersion === undefined ? {} : { expect: ifVersion };
    const { result, sequence, requestId } = await submit(session, { type: "delete", key: keyBytes(key), ...expect });
    const deleted = result.type === "delete" && result.deleted;
    session.answer(deleted ? `${key} is deleted, in block ${sequence}` : `there was no key ${key}`, { key, deleted, sequence, requestId });
  },
});
