/** `byz keys` */
import { writeFileSync } from "node:fs";
import { Option } from "commander";
import { exportRecord, peerIdOf } from "../../node/home/home.ts";
import { homeAt, uninitialised } from "../../node/home/layout.ts";
import { heldKeys } from "../../node/home/key-custody.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { decryptCommand, encryptCommand } from "./keys-encrypt.ts";
import { rotateCommand } from "./keys-rotate.ts";
import { withPassphrase } from "../passphrase.ts";
import { pairs } from "../table.ts";

const showCommand = defineCommand({
  usage: "show",
  summary: "The public halves of this home's keys, and which keys are encrypted; needs no passphrase",
  examples: ["byz keys show", "byz keys show --json"],
  exits: [3],
  run(session) {
    const home = homeAt(session.home);
    const held = heldKeys(home);
    const [node, validator, client] = (["node", "validator", "client"] as const).map((name) => held.find(({ use }) => use === name));
    if (node === undefined) throw uninitialised(home);
    const peerId = peerIdOf(node);
    const said = (key: typeof node | undefined, none: string): string => (key === undefined ? none : `${key.publicKey}${mark(key)}`);
    const mark = ({ encrypted }: { readonly encrypted: boolean }): string => (encrypted ? " (encrypted)" : "");
    session.answer(
      pairs([
        ["peer id", `${peerId}${mark(node)}`],
        ["validator key", said(validator, "none: an observer")],
        ["client key", said(client, "none yet")],
      ]),
      {
        peerId,
        validatorKey: validator?.publicKey,
        clientKey: client?.publicKey,
        encrypted: held.filter(({ encrypted, path }) => encrypted && !path.endsWith(".old")).map(({ use }) => use),
      },
    );
  },
});

const exportCommand = defineCommand<{ output?: string }>({
  usage: "export",
  summary: "This validator's public record, signed by both of its keys: what the founders of a network need",
  options: [new Option("-o, --output <file>", "write it there instead of to stdout")],
  examples: ["byz keys export > alice.json", "byz keys export -o alice.json"],
  exits: [3],
  async run(session, _args, { output }) {
    const record = await withPassphrase(session, ["node", "validator"], (passphrase) =>
      exportRecord(homeAt(session.home), session.io.environment, passphrase),
    );
    if (output === undefined) {
      session.answer(JSON.stringify(record, undefined, 2), record);
      return;
    }
    writeFileSync(output, `${JSON.stringify(record, undefined, 2)}\n`);
    session.answer(`${record.moniker}'s public record is in ${output}`, { file: output, record });
  },
});

export const keysCommand = defineGroup(
  { name: "keys", summary: "This home's keys: shows, exports, encrypts, rotates", examples: ["byz keys show", "byz keys encrypt"] },
  [showCommand, exportCommand, encryptCommand, decryptCommand, rotateCommand],
);
