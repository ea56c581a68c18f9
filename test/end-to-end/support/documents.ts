/** Code in documents, as it is run: fenced blocks whose info string says `run`, after the language. */
import { readFileSync } from "node:fs";

export interface Block {
  readonly language: string;
  /** words after `run` */
  readonly words: readonly string[];
  readonly text: string;
  /** of the fence, from 1 */
  readonly line: number;
}

/** One command of a shell block, and what the comment lines below it say it prints. */
export interface Step {
  readonly command: string;
  readonly expected: string;
}

/** The blocks of a page that are to be run, in order. */
export const runnableBlocks = (file: URL): Block[] => {
  const blocks: Block[] = [];
  let open: { readonly info: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    if (!line.startsWith("```")) open?.lines.push(line);
    else if (open === undefined) open = { info: line.slice(3).trim(), line: index + 1, lines: [] };
    else {
      const [language = "", run, ...words] = open.info.split(" ");
      if (run === "run") blocks.push({ language, words, text: `${open.lines.join("\n")}\n`, line: open.line });
      open = undefined;
    }
  }
  return blocks;
};

/** Quotes are closed, and the line does not go on. */
const isWhole = (command: string): boolean =>
  (command.match(/'/g) ?? []).length % 2 === 0 && (command.match(/"/g) ?? []).length % 2 === 0 && !command.endsWith("\\");

/** Cuts a shell block into its commands. */
export const stepsOf = ({ text }: Block): Step[] => {
  const steps: { command: string; expected: string[] }[] = [];
  let command = "";
  for (const line of text.split("\n")) {
    if (command === "" && line.startsWith("#")) steps.at(-1)?.expected.push(line.replace(/^# ?/, ""));
    else if (command !== "" || line.trim() !== "") {
      command = command === "" ? line : `${command}\n${line}`;
      if (!isWhole(command)) continue;
      steps.push({ command, expected: [] });
      command = "";
    }
  }
  return steps.map((step) => ({ command: step.command, expected: step.expected.join("\n").trim() }));
};

/** What documented output matches: `…` is anything, hexadecimal before it too; a number is any number; space is any space. */
export const patternOf = (expected: string): RegExp => {
  const parts = expected.split(/("[0-9A-Za-z]*…"|…|\d+(?:\.\d+)?|\s+)/).map((part) => {
    if (/^"[0-9A-Za-z]*…"$/.test(part)) return '"[^"]*"';
    if (part === "…") return "[\\s\\S]*?";
    if (/^\d/.test(part)) return "\\d+(?:\\.\\d+)?";
    if (/^\s+$/.test(part)) return "\\s*";
    return part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  });
  return new RegExp(`^${parts.join("")}\\s*$`);
};
