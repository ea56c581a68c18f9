/** CPU and memory of nodes, seen from outside. */
import { existsSync, readFileSync } from "node:fs";
import { createHttpClient } from "../../client/http-client.ts";

/** What one node has used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

export type UsageOf = () => Promise<readonly Usage[]>;

const ticksPerSecond = 100;
const pageBytes = 4096;

/** CPU time of a process so far, as Linux tells it. @throws Error with Node's code when there is none of this pid, or no /proc */
export const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};

const ofProcess = async (pid: number): Promise<Usage> => ({
  cpuSeconds: cpuSecondsOf(pid),
  rssBytes: Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * pageBytes,
});

const metric = (text: string, name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);

const ofNode = async (url: string): Promise<Usage> => {
  const text = await createHttpClient({ urls: [url] }).metrics();
  return { cpuSeconds: metric(text, "byz_process_cpu_seconds_total"), rssBytes: metric(text, "byz_process_resident_memory_bytes") };
};

/** By process where there is one and the system tells of it; else as the nodes tell themselves, which makes each of them a little larger. */
export const usageOf = (nodes: readonly { readonly api: string; readonly pid?: number | null }[]): UsageOf => {
  const seen = existsSync("/proc/self/stat") && nodes.every(({ pid }) => typeof pid === "number");
  return () => Promise.all(nodes.map(({ api, pid }) => (seen ? ofProcess(pid as number) : ofNode(api))));
};
