/** Every command, in the order and groups of `byz --help`. */
import { backupCommand, restoreCommand, verifyCommand } from "./backup.ts";
import { benchCommand } from "./bench.ts";
import { blocksCommand } from "./blocks.ts";
import type { CommandFactory } from "./command.ts";
import { completionCommand } from "./completion.ts";
import { configCommand } from "./config.ts";
import { debugCommand } from "./debug.ts";
import { delCommand } from "./del.ts";
import { doctorCommand } from "./doctor.ts";
import { genesisCommand } from "./genesis.ts";
import { getCommand } from "./get.ts";
import { initCommand } from "./init.ts";
import { joinCommand } from "./join.ts";
import { keysCommand } from "./keys.ts";
import { listCommand } from "./list.ts";
import { partitionsCommand } from "./partitions.ts";
import { peersCommand } from "./peers.ts";
import { proveCommand } from "./prove.ts";
import { putCommand } from "./put.ts";
import { sharedCommand } from "./shared.ts";
import { simulateCommand } from "./simulate.ts";
import { startCommand } from "./start.ts";
import { evidenceCommand } from "./evidence.ts";
import { explainCommand } from "./explain.ts";
import { statusCommand } from "./status.ts";
import { testnetCommand } from "./testnet.ts";
import { txnCommand } from "./txn.ts";
import { validatorsCommand } from "./validators.ts";
import { watchCommand } from "./watch.ts";

const grouped = (heading: string, members: readonly CommandFactory[]): CommandFactory[] =>
  members.map((member) => (host) => member(host).helpGroup(heading));

export const commands: readonly CommandFactory[] = [
  ...grouped("Set up and run:", [initCommand, keysCommand, genesisCommand, configCommand, completionCommand, startCommand, joinCommand]),
  ...grouped("The ledger:", [putCommand, getCommand, delCommand, listCommand, txnCommand, watchCommand, proveCommand, blocksCommand]),
  ...grouped("Documents writable on both sides of a partition:", [sharedCommand]),
  ...grouped("What a node knows:", [statusCommand, explainCommand, validatorsCommand, peersCommand, partitionsCommand, evidenceCommand]),
  ...grouped("Data:", [backupCommand, restoreCommand, verifyCommand]),
  ...grouped("Trouble:", [doctorCommand, debugCommand]),
  ...grouped("Try:", [testnetCommand, benchCommand, simulateCommand]),
];
