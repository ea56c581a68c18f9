/** `byz keys encrypt` and `byz keys decrypt` */
import { relative } from "node:path";
import { Option } from "commander";
import { homeAt } from "../../node/home/layout.ts";
import { decryptKeys, encryptKeys, heldKeys, type KeptKey, keyUses, namedKeys } from "../../node/home/key-custody.ts";
import type { KeyUse } from "../../signing/key-format.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { currentPassphrase, newPassphrase, noNewPassphrase } from "../passphrase.ts";
import type { Session } from "../session.ts";
import { pairs } from "../table.ts";

const usesFrom = (names: readonly (string | undefined)[]): KeyUse[] =>
  names.flat().map((name) => {
    const use = keyUses.find((each) => each === name);
    if (use === undefined) throw usageError(`not a key: ${name}`, `the keys are ${keyUses.join(", ")}`);
    return use;
  });

const answer = (session: Session, done: string, keys: readonly KeptKey[]): void => {
  const rows = keys.map(({ path, changed }) => [relative(session.home, path), changed ? done : `${done} already`] as const);
  session.answer(
    pairs(rows),
    keys.map(({ use, path, publicKey, encrypted, changed }) => ({ key: use, file: path, publicKey, encrypted, changed })),
  );
};

export const encryptCommand = defineCommand<{ newPassphraseFile?: string }>({
  usage: "encrypt [keys...]",
  summary: "Encrypts this home's keys with a passphrase, or changes the passphrase of those that are encrypted",
  arguments: { keys: "node, validator, client; all when none is named" },
  options: [new Option("--new-passphrase-file <file>", "the home's new passphrase, for all that is encrypted")],
  examples: ["byz keys encrypt", "byz keys encrypt --passphrase-file old --new-passphrase-file new"],
  exits: [3],
  async run(session, names, { newPassphraseFile }) {
    const uses = usesFrom(names);
    const home = homeAt(session.home);
    const held = heldKeys(home);
    const named = namedKeys(home, held, uses);
    const isFirst = !held.some(({ encrypted }) => encrypted);
    const current = isFirst ? undefined : await currentPassphrase(session);
    const toChange = isFirst || newPassphraseFile !== undefined || named.every(({ encrypted }) => encrypted);
    const next = toChange ? await newPassphrase(session, newPassphraseFile, isFirst) : undefined;
    try {
      if (isFirst && next === undefined) throw noNewPassphrase();
      const keys = await encryptKeys(home, { uses, current, next });
      answer(session, "encrypted", keys);
      if (keys.some(({ use, changed }) => changed && use !== "client"))
        session.note("the node needs the passphrase at its next start: `byz start --passphrase-file FILE`; without it these keys are lost");
    } finally {
      current?.forget();
      next?.forget();
    }
  },
});

export const decryptCommand = defineCommand({
  usage: "decrypt [keys...]",
  summary: "Makes this home's encrypted keys plain again",
  arguments: { keys: "node, validator, client; all when none is named" },
  examples: ["byz keys decrypt", "byz keys decrypt client --passphrase-file passphrase"],
  exits: [3],
  async run(session, names) {
    const uses = usesFrom(names);
    const home = homeAt(session.home);
    const isNeeded = namedKeys(home, heldKeys(home), uses).some(({ encrypted }) => encrypted);
    const passphrase = isNeeded ? await currentPassphrase(session) : undefined;
    try {
      answer(session, "plain", await decryptKeys(home, uses, passphrase));
    } finally {
      passphrase?.forget();
    }
  },
});
