/** Which process a number means: pids are reused, a pid with its start time is not. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** when it started, as the system spells it */
  readonly started: string;
}

interface Observed {
  readonly started: string;
  readonly stopped: boolean;
}

/** Linux: the fields of /proc/PID/stat after the name, which may itself hold spaces and brackets. */
const fromProc = (pid: number): Observed | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = ""] = fields;
    // a zombie has ended; only its parent has not looked yet
    return /[ZX]/.test(state) ? undefined : { started: fields[19] ?? "", stopped: /[Tt]/.test(state) };
  } catch {
    return undefined;
  }
};

const fromPs = (pid: number): Observed | undefined => {
  const { stdout } = spawnSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], { encoding: "utf8" });
  const [state = "", ...started] = stdout.trim().split(/\s+/);
  return state === "" || state.startsWith("Z") ? undefined : { started: started.join(" "), stopped: state.startsWith("T") };
};

const observe = (pid: number): Observed | undefined => (process.platform === "linux" ? fromProc(pid) : fromPs(pid));

/** The process that has this pid now; undefined when there is none. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const observed = observe(pid);
  return observed === undefined ? undefined : { pid, started: observed.started };
};

export type ProcessState = "running" | "paused" | "gone";

/** What became of exactly this process. */
export const stateOf = ({ pid, started }: ProcessIdentity): ProcessState => {
  const observed = observe(pid);
  if (observed === undefined || observed.started !== started) return "gone";
  return observed.stopped ? "paused" : "running";
};

/** Signals exactly this process, never another that came to have its pid. @returns false when it is gone */
export const signalProcess = (identity: ProcessIdentity, signal: NodeJS.Signals): boolean => {
  if (stateOf(identity) === "gone") return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
};

/**
 * Calls `onGone` once this process has ended; looks twice a second and keeps nothing alive.
 *
 * @returns stops watching
 */
export const watchProcess = (identity: ProcessIdentity, onGone: () => void): (() => void) => {
  const timer = setInterval(() => {
    if (stateOf(identity) !== "gone") return;
    clearInterval(timer);
    onGone();
  }, 500).unref();
  return () => clearInterval(timer);
};
