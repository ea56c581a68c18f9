/** What people see of a testnet. */
import { setTimeout as delay } from "node:timers/promises";
import type { Testnet } from "../../testnet/testnet.ts";
import { stateExists } from "../../testnet/state.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";

export const testnetUpExamples = ["byz testnet up -n 7 --detach", "byz testnet up --dir /tmp/net --base-port 30000"] as const;

/** an unanswered question must not hold the table up */
const askMs = 2000;

const rowOf = async (testnet: Testnet, index: number): Promise<string[]> => {
  const node = testnet.node(index);
  const state = testnet.processState(index);
  const head = [String(index), node.role, node.behaviour, state, node.pid === null ? "-" : String(node.pid), node.api, node.p2p];
  if (state !== "running") return [...head, "-", "-"];
  const status = await Promise.race([testnet.client(index).status(), delay(askMs, undefined, { ref: false })]).catch(() => undefined);
  return [...head, status === undefined ? "no answer" : status.connectivity, status === undefined ? "-" : String(status.sequence.executed)];
};

/** One line a node. */
export const describeTestnet = async (session: Session, testnet: Testnet): Promise<string> => {
  const rows = await Promise.all(testnet.state().nodes.map(({ index }) => rowOf(testnet, index)));
  return table(session, ["NODE", "ROLE", "BEHAVIOUR", "PROCESS", "PID", "API", "PEERS", "CONNECTIVITY", "SEQUENCE"], rows);
};

const pollMs = 500;
/** for nodes that can commit to hear from the last of the others, too */
const acquaintedMs = 5_000;
const acquaintedPollMs = 50;

/** Until every node of a network without cheats reaches all validators: it can commit a moment earlier, and would be shown as degraded. */
export const awaitAcquainted = async (testnet: Testnet): Promise<void> => {
  const { nodes } = testnet.state();
  if (nodes.some(({ behaviour }) => behaviour !== "honest")) return;
  const deadline = performance.now() + acquaintedMs;
  while (performance.now() < deadline) {
    const asked = await Promise.all(nodes.map(({ index }) => testnet.client(index).status())).catch(() => []);
    if (asked.length > 0 && asked.every(({ connectivity }) => connectivity === "whole")) return;
    await delay(acquaintedPollMs);
  }
};

/** Stays until the user interrupts, then stops all nodes; or until the testnet was stopped from elsewhere. Says which nodes end meanwhile. */
export const superviseTestnet = async (session: Session, testnet: Testnet, options: { readonly purge?: boolean } = {}): Promise<void> => {
  const gone = new Set<number>();
  while (!session.io.signal.aborted) {
    if (!stateExists(testnet.dir)) return;
    const state = testnet.state();
    if (state.owner?.pid !== process.pid) {
      session.note("the testnet was stopped");
      return;
    }
    for (const { index } of state.nodes) {
      if (testnet.processState(index) !== "gone") gone.delete(index);
      else if (!gone.has(index)) {
        gone.add(index);
        session.note(`node ${index} does not run any more; \`byz testnet restart ${index}\` starts it again`);
      }
    }
    await delay(pollMs, undefined, { signal: session.io.signal }).catch(() => undefined);
  }
  session.note("stopping");
  await testnet.down(options);
};
