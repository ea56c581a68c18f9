// Writes docs/reference.md: every export of the package's entry points, its declaration and what its author says of it, from dist. Run `npm run reference`.
import { readFileSync, writeFileSync } from "node:fs";

const top = new URL("../", import.meta.url);
const entries = [
  ["byzantine-coordinator", "dist/index.d.ts"],
  ["byzantine-coordinator/client", "dist/client/index.d.ts"],
  ["byzantine-coordinator/testnet", "dist/testnet/index.d.ts"],
];

const read = (path) => readFileSync(new URL(path, top), "utf8");
const besides = (path, specifier) => new URL(specifier.replace(/\.(?:js|ts)$/, ".d.ts"), `file:///${path}`).pathname.slice(1);

const declared = /^export (?:declare )?(?:const|function|class|interface|type) (\w+)/gm;

/** What an entry point exports: its names and the files that declare them. */
const exportsOf = (path) => {
  const text = read(path).replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const found = [];
  for (const [, names, from] of text.matchAll(/export (?:type )?\{([^}]*)\} from "([^"]+)"/g)) {
    for (const name of names.split(","))
      if (name.trim() !== "") found.push({ name: name.trim().replace(/^type /, ""), file: besides(path, from) });
  }
  for (const [, from] of text.matchAll(/export (?:type )?\* from "([^"]+)"/g)) {
    const file = besides(path, from);
    for (const [, name] of read(file).matchAll(declared)) found.push({ name, file });
  }
  return found.toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
};

/** From its first line to the one where all brackets are closed again. */
const wholeOf = (lines) => {
  let depth = 0;
  for (const [index, line] of lines.entries()) {
    const code = line.replaceAll(/\/\*.*?\*\/|\/\/.*$|=>|"[^"]*"/g, "");
    if (!/^\s*\*/.test(line)) depth += (code.match(/[{([<]/g) ?? []).length - (code.match(/[})\]>]/g) ?? []).length;
    if (depth <= 0 && /[;}]\s*$/.test(line) && !/^\s*[|&*]/.test(lines[index + 1] ?? "")) return lines.slice(0, index + 1);
  }
  return lines;
};

/** Where it is declared, which may be a file behind the one that it comes from. */
const declares = (name, file) => {
  const text = read(file);
  const behind = new RegExp(`export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)"`).exec(text)?.[1];
  return behind === undefined ? text : declares(name, besides(file, behind));
};

const describe = ({ name, file }) => {
  const text = declares(name, file);
  const at = text.search(new RegExp(`^export (?:declare )?(?:const|function|class|interface|type) ${name}\\b`, "m"));
  if (at === -1) throw new Error(`${file} does not declare ${name}`);
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, at))?.[1] ?? "";
  const words = comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim()
    .replaceAll(/^@(\w+) ?/gm, "- *$1* ");
  const declaration = wholeOf(text.slice(at).split("\n"))
    .join("\n")
    .replace(/^export (?:declare )?/, "");
  return [
    `### \`${name}\``,
    ...(words === "" ? [] : [words.replaceAll(/\n(- \*)/g, "\n\n$1").replaceAll(/\n\n+/g, "\n\n")]),
    `\`\`\`ts\n${declaration}\n\`\`\``,
  ].join("\n\n");
};

/** The page. */
export const renderReference = () =>
  [
    "# Reference",
    "Everything that the package exports, as declared. Made by `npm run reference`; a test holds its names to the exports. To begin with, read [clients.md](clients.md) and\n[applications.md](applications.md).",
    ...entries.flatMap(([specifier, path]) => [`## ${specifier}`, ...exportsOf(path).map(describe)]),
  ].join("\n\n") + "\n";

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(new URL("docs/reference.md", top), renderReference());
