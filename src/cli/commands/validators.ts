/** `byz validators` */
import { Option } from "commander";
import { clientOf, showing } from "../client.ts";
import { defineCommand } from "../command.ts";
import { table } from "../table.ts";

export const validatorsCommand = defineCommand<{ watch?: boolean }>({
  usage: "validators",
  summary: "The validators, and who of them this node reaches",
  options: [new Option("--watch", "again every second")],
  examples: ["byz validators", "byz validators --json"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const validators = await client.validators();
      const rows = validators.map((validator) => [
        `${validator.index}${validator.primary ? " primary" : ""}`,
        validator.moniker ?? "",
        validator.reachable ? "yes" : "no",
        validator.because === undefined ? validator.standing : `${validator.standing}: ${validator.because}`,
        validator.peerId,
        validator.validatorKey,
      ]);
      session.answer(table(session, ["INDEX", "MONIKER", "REACHABLE", "STANDING", "PEER ID", "VALIDATOR KEY"], rows), validators);
    });
  },
});
