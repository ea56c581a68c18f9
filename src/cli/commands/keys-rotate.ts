/** `byz keys rotate` */
import { homeAt } from "../../node/home/layout.ts";
import { rotateClientKey } from "../../node/home/key-custody.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { withPassphrase } from "../passphrase.ts";
import { pairs } from "../table.ts";

const founded = (name: string): Error =>
  usageError(
    `the genesis names a validator by its ${name} key, and this version can not change the set of validators: nothing was changed`,
    "only `byz keys rotate client` is possible; a network with other validator or node keys has to be founded anew",
  );

const consequences =
  "what the old key wrote stays; to the network the new one is another client, whose requests are numbered anew, and an application that gives " +
  "rights to the old key does not know it; a running node goes over to it when it is started again";

export const rotateCommand = defineCommand({
  usage: "rotate <key>",
  summary: "Makes a new client.key and keeps the old one beside it; validator and node keys stand in the genesis and stay",
  arguments: { key: "client" },
  examples: ["byz keys rotate client", "byz keys rotate client --home /srv/byz --json"],
  exits: [3],
  async run(session, [name]) {
    if (name === "validator" || name === "node") throw founded(name);
    if (name !== "client") throw usageError(`not a key that can be rotated: ${name}`, "only `byz keys rotate client` is possible");
    const home = homeAt(session.home);
    const { publicKey, oldPublicKey, oldPath } = await withPassphrase(session, ["client"], (passphrase) =>
      rotateClientKey(home, passphrase),
    );
    session.answer(
      pairs([
        ["client key", publicKey],
        ["old key", oldPublicKey],
        ["kept in", oldPath],
      ]),
      { publicKey, oldPublicKey, oldFile: oldPath },
    );
    session.note(consequences);
  },
});
