/** The one place that reads (input, effects) and writes the log: no logger is passed around (docs/architecture.md). */
import { culpritsOf } from "../../protocol/evidence.ts";
import type { Effect } from "../../consensus/effect.ts";
import type { Observe } from "../pipeline/engine.ts";
import { createSampler } from "./sampler.ts";

/** What the node needs of a logger; pino's is one. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const createObserve = (logger: Logger, now: () => number): Observe => {
  const sample = createSampler(now);

  const observeTransfer = (effect: Extract<Effect, { type: "begin-transfer" | "transfer-fault" | "state-diverged" }>): void => {
    if (effect.type === "begin-transfer") {
      const { target, fresh } = effect;
      return logger.info({ target: target.sequence, fresh }, "fetching the state from others");
    }
    if (effect.type === "state-diverged") {
      const { sequence, detail } = effect;
      return logger.error({ sequence, detail }, "this node's state is wrong: it votes no more, and fetches the others'");
    }
    const { peer, fault } = effect;
    const what = fault === "stalled" ? "no part of the state came in time" : "lied about the state";
    sample(`transfer.${fault}`, (suppressed) => logger.warn({ peer, suppressed }, what));
  };

  return (input, effects, replica) => {
    for (const effect of effects) {
      switch (effect.type) {
        case "announce": {
          const { kind, view, epoch } = effect.message;
          logger.info(
            { kind, epoch, view, reason: input.type },
            kind === "view-change" ? "leaving the view" : "opening the view as its primary",
          );
          break;
        }
        case "save":
          if (effect.record.type === "entered-view") {
            const { view, replica: primary } = effect.record.newView.message;
            logger.info({ view, primary }, "entered the view");
          } else if (effect.record.type === "stable") logger.debug({ sequence: effect.record.certificate.sequence }, "stable checkpoint");
          else if (effect.record.type === "may-vote") logger.info({}, "caught up past everything it may have voted on: votes again");
          break;
        case "fetch-blocks":
          logger.debug({ from: effect.from, to: effect.to, peer: effect.peer }, "asking for batches");
          break;
        case "evidence": {
          const { kind } = effect.evidence;
          const culprits = culpritsOf(effect.evidence);
          sample(`evidence.${kind}`, (suppressed) => logger.warn({ kind, culprits, suppressed }, "proof of misbehaviour"));
          break;
        }
        case "reject": {
          const { reason, action } = effect.rejection;
          if (action === "blame") {
            sample(`reject.${reason}`, (suppressed) =>
              logger.warn({ input: effect.input, reason, from: effect.from, suppressed }, "refused"),
            );
          }
          break;
        }
        case "halt":
          logger.error({ reason: effect.reason, detail: effect.detail }, "this replica halts");
          break;
        case "begin-transfer":
        case "transfer-fault":
        case "state-diverged":
          observeTransfer(effect);
          break;
        case "send-status": {
          const { view, demand } = replica.status();
          if (demand > view) sample("demand", (suppressed) => logger.info({ view, demand, suppressed }, "asks for another view"));
          break;
        }
        case "broadcast":
        case "propose":
        case "repeat":
        case "relay":
        case "fetch-batch":
        case "compare-checkpoints":
        case "fetch-state":
        case "send-stable":
        case "execute":
        case "refuse-request":
          break;
      }
    }
  };
};
