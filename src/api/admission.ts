/** Whether a node takes new work: one question for what comes over HTTP and over libp2p, asked before a body is read. */
import type { Failure } from "../node/service.ts";
import { Refusal } from "./problem.ts";
import type { Operation } from "./route.ts";

/** @throws Refusal when the node takes no new work, and this is some */
export type Admission = (operation: Operation) => void;

/** @param admit why no new work is taken, if so; everything is when absent */
export const createAdmission =
  (admit: () => Failure | undefined = () => undefined): Admission =>
  ({ always }) => {
    const failure = always === true ? undefined : admit();
    if (failure !== undefined) throw new Refusal(failure);
  };
