/** `byz status` */
import { Option } from "commander";
import type { StatusAnswer } from "../../client/answers.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand } from "../command.ts";
import { pairs, shortHash } from "../table.ts";

const blockedLine = (status: StatusAnswer): readonly (readonly [string, string])[] => {
  if (status.blocked === undefined) return [];
  const { reason, since, waitingFor } = status.blocked;
  const waiting = waitingFor.length === 0 ? "" : `, waiting for ${waitingFor.join(", ")}`;
  return [["blocked", `${reason} since ${new Date(since).toISOString()}${waiting}`]];
};

const roleOf = (status: StatusAnswer): string =>
  [status.role, status.syncing ? "syncing" : "", status.passive === true ? "passive: its key returned without its data" : ""]
    .filter((word) => word !== "")
    .join(", ");

const transferLine = ({ transfer }: StatusAnswer): readonly (readonly [string, string])[] => {
  if (transfer === undefined) return [];
  const { target, fraction, entries, bytes, milliseconds } = transfer;
  const done = `${(fraction * 100).toFixed(1)} % of the state of sequence ${target}`;
  return [["transfer", `${done}: ${entries} entries, ${(bytes / 1024 / 1024).toFixed(1)} MiB in ${Math.round(milliseconds / 1000)} s`]];
};

const memoryText = ({ memory: { rss, limit, pressure, breaker } }: StatusAnswer): string => {
  const [resident, most] = [rss, limit].map((bytes) => Math.round(bytes / 1024 / 1024));
  const refused = breaker === "open" ? ": no new work is taken" : "";
  return `${resident} MiB resident, ${Math.round(pressure * 100)} % of ${most} MiB in use, breaker ${breaker}${refused}`;
};

const render = (status: StatusAnswer): string =>
  pairs([
    ["chain", `${status.chainId} (genesis ${shortHash(status.genesisHash)})`],
    ["node", `${status.moniker} ${status.peerId}`],
    ["role", roleOf(status)],
    ["connectivity", `${status.connectivity}: ${status.quorum.reachable} of ${status.quorum.n} validators, quorum ${status.quorum.size}`],
    ["view", `${status.view} in epoch ${status.epoch}, primary ${status.primary}`],
    ["sequence", `${status.sequence.executed} executed, ${status.sequence.stable} stable`],
    ["log hash", status.logHash],
    ["state root", status.stateRoot],
    ...blockedLine(status),
    ...transferLine(status),
    ["memory", memoryText(status)],
    ["up", `${Math.floor(status.uptimeSeconds)} s`],
    ["version", status.version],
  ]);

export const statusCommand = defineCommand<{ watch?: boolean }>({
  usage: "status",
  summary: "What a node knows about itself and the network",
  options: [new Option("--watch", "again every second")],
  examples: ["byz status", "byz status --json --api http://127.0.0.1:27657"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const status = await client.status();
      session.answer(() => render(status), status);
    });
  },
});
