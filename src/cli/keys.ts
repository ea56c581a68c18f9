/** `byz keys` */
import { existsSync, writeFileSync } from "node:fs";
import { Option } from "commander";
import { exportRecord, homeAt, loadNodeKey, loadValidatorKey, peerIdOf } from "../node/home.ts";
import { loadKeyFile } from "../signing/key-file.ts";
import { defineCommand, defineGroup } from "./command.ts";
import { pairs } from "./table.ts";

const showCommand = defineCommand({
  usage: "show",
  summary: "The public halves of this home's keys",
  examples: ["byz keys show", "byz keys show --json"],
  exits: [3],
  run(session) {
    const home = homeAt(session.home);
    const peerId = peerIdOf(loadNodeKey(home));
    const validatorKey = loadValidatorKey(home)?.publicKey;
    const clientKey = existsSync(home.clientKey) ? loadKeyFile(home.clientKey, "client").publicKey : undefined;
    const text = pairs([
      ["peer id", peerId],
      ["validator key", validatorKey ?? "none: an observer"],
      ["client key", clientKey ?? "none yet"],
    ]);
    session.answer(text, { peerId, validatorKey, clientKey });
  },
});

const exportCommand = defineCommand<{ output?: string }>({
  usage: "export",
  summary: "This validator's public record, signed by both of its keys: what the founders of a network need",
  options: [new Option("-o, --output <file>", "write it there instead of to stdout")],
  examples: ["byz keys export > alice.json", "byz keys export -o alice.json"],
  exits: [3],
  run(session, _args, { output }) {
    const record = exportRecord(homeAt(session.home), session.io.environment);
    if (output === undefined) {
      session.answer(JSON.stringify(record, undefined, 2), record);
      return;
    }
    writeFileSync(output, `${JSON.stringify(record, undefined, 2)}\n`);
    session.answer(`${record.moniker}'s public record is in ${output}`, { file: output, record });
  },
});

export const keysCommand = defineGroup({ name: "keys", summary: "Keys", examples: ["byz keys show", "byz keys export"] }, [
  showCommand,
  exportCommand,
]);
