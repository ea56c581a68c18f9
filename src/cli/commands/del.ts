/** `byz del` */
import { Option } from "commander";
import { defineCommand, wholeNumber } from "../command.ts";
import { keyBytes, submit, textArgument } from "../submit.ts";
import { type GenesisFlag, genesisOption } from "../verified.ts";

export const delCommand = defineCommand<GenesisFlag & { ifVersion?: number }>({
  usage: "del <key>",
  summary: "Deletes a key, signed with the home's client.key",
  arguments: { key: "its name" },
  options: [new Option("--if-version <n>", "only if the key has this version").argParser(wholeNumber(1)), genesisOption()],
  examples: ["byz del greeting", "byz del greeting --if-version 2 --json"],
  exits: [3, 4, 5, 6],
  async run(session, [key = ""], { ifVersion, ...flag }) {
    const expect = ifVersion === undefined ? {} : { expect: ifVersion };
    const { result, ...place } = await submit(session, { type: "delete", key: keyBytes(textArgument("key", key)), ...expect }, flag);
    const deleted = result.type === "delete" && result.deleted;
    session.answer(deleted ? `${key} is deleted, in block ${place.sequence}` : `there was no key ${key}`, { key, deleted, ...place });
  },
});
