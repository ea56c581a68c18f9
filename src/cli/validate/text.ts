/** What came of it, for people at a terminal. */
import { floorText } from "../bench/figures.ts";
import type { Session } from "../session.ts";
import { pairs, table } from "../table.ts";
import type { Claim } from "./claims.ts";
import type { Figures } from "./figures.ts";
import type { Validation } from "./run.ts";

const claimText = (session: Pick<Session, "bold">, { id, claim, verified, confidence, evidence }: Claim): string =>
  [
    `${session.bold(verified ? "verified    " : "NOT VERIFIED")}  ${id}: ${claim}`,
    `              ${confidence}`,
    ...(evidence === "" || evidence === confidence ? [] : [`              ${evidence}`]),
  ].join("\n");

const milliseconds = (times: readonly number[] | undefined): string | undefined =>
  times === undefined ? undefined : `${times.join(", ")} ms`;

/** Names and values of what was measured. */
export const figureRows = (figures: Figures): readonly (readonly [name: string, value: string])[] => {
  const { latencyMs, floor, catchUp } = figures;
  const rows: readonly (readonly [string, string | undefined])[] = [
    [
      "throughput",
      figures.throughput === undefined
        ? undefined
        : `${figures.throughput} requests/s of ${figures.clients} clients, ${figures.payload} bytes each`,
    ],
    ["latency", latencyMs && `p50 ${latencyMs.p50} ms, p90 ${latencyMs.p90} ms, p99 ${latencyMs.p99} ms, max ${latencyMs.max} ms`],
    [
      "CPU",
      figures.cpuSecondsPerThousand === undefined ? undefined : `${figures.cpuSecondsPerThousand ?? "?"} s for 1,000 requests on all nodes`,
    ],
    ["memory", figures.rssMiB && `${figures.rssMiB.join(", ")} MiB`],
    ["without an answer, primary killed", milliseconds(figures.recoveryMs)],
    ["without an answer, f killed", milliseconds(figures.crashGapMs)],
    ["all killed and back", milliseconds(figures.restartMs)],
    ["first write after a heal", milliseconds(figures.firstWriteMs)],
    ["all whole after a heal", milliseconds(figures.wholeMs)],
    ["slowest refusal in a cut", milliseconds(figures.refusalMs === undefined ? undefined : [figures.refusalMs])],
    ["catching up", catchUp?.map(({ rate, writingRate, ratio }) => `${rate}/s against ${writingRate}/s (${ratio})`).join(", ")],
    ["floor", floor && floorText(floor)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
};

export const detectionHeadings = ["NODE", "BEHAVIOUR", "METHOD", "ACTION", "CORRECT"] as const;

export const detectionRows = ({ detection }: Pick<Validation, "detection">): string[][] =>
  detection.map(({ node, behaviour, method, action, correct }) => [String(node), behaviour, method, action, correct ? "yes" : "NO"]);

/** Claims, detections, figures, and the sum. */
export const validationText = (session: Pick<Session, "bold">, validation: Validation): string => {
  const { claims, detection, figures, seconds, nodes } = validation;
  const verified = claims.filter((claim) => claim.verified).length;
  return [
    claims.map((claim) => claimText(session, claim)).join("\n"),
    ...(detection.length === 0 ? [] : [table(session, detectionHeadings, detectionRows(validation))]),
    pairs(figureRows(figures)),
    session.bold(`${verified} of ${claims.length} claims verified, ${nodes} nodes, ${seconds} s`),
  ].join("\n\n");
};
