/** The report: one page that needs nothing beside itself, readable in light and dark, on paper, and without colours. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { escaped } from "../svg.ts";
import type { ValidationRun } from "./run.ts";
import { answersPlot, gapsPlot, latencyPlot } from "./report-plots.ts";
import { detectionHeadings, detectionRows, figureRows } from "./text.ts";
import type { Course } from "./timeline.ts";

const style = `
:root { color-scheme: light dark; --ink: #1a1d21; --paper: #fff; --soft: #60666e; --line: #d7dbe0; --good: #15803d; --bad: #b91c1c; --one: #2563eb; --two: #d97706; --shade: #64748b22; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --soft: #9aa2ac; --line: #343a42; --good: #4ade80; --bad: #f87171; --one: #60a5fa; --two: #fbbf24; --shade: #94a3b822; } }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.sum { font-size: 1.1rem; } .soft, td small { color: var(--soft); } small { display: block; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; white-space: nowrap; } td.word { white-space: nowrap; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 700; }
.wide { overflow-x: auto; } svg { width: 100%; min-width: 40rem; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: var(--ink); }
polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; } .p50 { stroke: var(--one); } .p99 { stroke: var(--two); stroke-dasharray: 4 2; }
.grid { stroke: var(--line); } .mark line { stroke: var(--soft); stroke-dasharray: 1 3; } .mark text { font-size: 9px; fill: var(--soft); } .fault { fill: var(--shade); } .bar { fill: var(--one); }
ol { columns: 3 16rem; } @media print { body { margin: 0; max-width: none; } }
`;

const verdict = (good: boolean, yes: string, no: string): string =>
  `<span class="${good ? "good" : "bad"}">${escaped(good ? yes : no)}</span>`;

const tableOf = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="wide"><table><thead><tr>${headings.map((heading) => `<th>${escaped(heading)}</th>`).join("")}</tr></thead>\n<tbody>${rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`)
    .join("\n")}</tbody></table></div>`;

const claimsTable = ({ validation: { claims } }: ValidationRun): string =>
  tableOf(
    ["Verdict", "Claim", "Confidence"],
    claims.map(({ id, claim, verified, confidence, evidence }) => [
      `${verdict(verified, "✓ verified", "✗ not verified")}<small>${escaped(id)}</small>`,
      `${escaped(claim)}<small>${escaped(evidence)}</small>`,
      escaped(confidence),
    ]),
  );

const detectionTable = ({ validation }: ValidationRun): string =>
  tableOf(
    detectionHeadings.map((heading) => heading[0] + heading.slice(1).toLowerCase()),
    detectionRows(validation).map((cells) => cells.map((cell) => (cell === "NO" ? verdict(false, "", "✗ no") : escaped(cell)))),
  );

const eventsList = ({ timeline: { marks, began } }: Course): string =>
  `<ol>${marks.map(({ at, text }) => `<li>${escaped(text)} <span class="soft">${((at - began) / 1_000).toFixed(1)} s</span></li>`).join("")}</ol>`;

const section = (title: string, ...parts: readonly string[]): string => `<h2>${escaped(title)}</h2>\n${parts.join("\n")}`;

/** The whole page. @param madeAt Unix milliseconds */
export const reportHtml = (run: ValidationRun, madeAt: number): string => {
  const { validation, course } = run;
  const { claims, detection, figures, nodes, seconds } = validation;
  const verified = claims.filter((claim) => claim.verified).length;
  const figureCells = figureRows(figures).map((cells) => cells.map(escaped));
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>byz validate: ${verified} of ${claims.length} claims verified</title>
<style>${style}</style></head>
<body>
<h1>What a network of ${nodes} validators was seen to do</h1>
<p class="soft">byz validate, ${escaped(new Date(madeAt).toISOString())}, ${seconds} s, real processes on one machine</p>
<p class="sum">${verdict(verified === claims.length, `✓ ${verified} of ${claims.length} claims verified`, `✗ ${verified} of ${claims.length} claims verified`)}</p>
${section("Claims", claimsTable(run), `<p class="soft">A claim is verified when something was tried and all of it passed. The confidence is of the counts alone: the highest rate of failures at which so few would still be seen once in twenty times (Clopper and Pearson; for no failure in n trials 1 − 0.05^(1/n), about 3/n).</p>`)}
${detection.length === 0 ? "" : section("Cheats", detectionTable(run))}
${section(
  "Latency over time",
  `<div class="wide">${latencyPlot(course)}</div>`,
  `<p class="soft">Of clients' calls that were answered: the median (line) and the 99th percentile (dashed), on a logarithmic scale. Shaded: from a fault until clients were served again. Numbers: what was done, below.</p>`,
  `<div class="wide">${answersPlot(course)}</div>`,
  `<p class="soft">Answers a second.</p>`,
  eventsList(course),
)}
${section("Longest time without an answer", `<div class="wide">${gapsPlot(course)}</div>`, `<p class="soft">With more than can be spared killed, or cut in halves, there is none until the end of it: that is what was claimed.</p>`)}
${section("Figures", tableOf(["What", "Measured"], figureCells))}
</body>
</html>
`;
};

/** Writes `index.html` and `result.json` into a folder. @returns the page's path. @throws Error of the file system */
export const writeReport = (folder: string, run: ValidationRun): string => {
  writeFileSync(join(folder, "result.json"), `${JSON.stringify(run.validation, undefined, 2)}\n`);
  const page = join(folder, "index.html");
  writeFileSync(page, reportHtml(run, Date.now()));
  return page;
};
