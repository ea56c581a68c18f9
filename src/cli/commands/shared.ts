/** `byz shared`: documents writable on both sides of a partition (docs/documents.md). */
import { Option } from "commander";
import { createAnchorDocument } from "../../client/anchor-document.ts";
import type { HttpClient } from "../../client/http-client.ts";
import type { SharedAnswer, SharedChange, SharedField } from "../../client/shared-answers.ts";
import { toDigest } from "../../protocol/ids.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand, defineGroup, several } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import type { Session } from "../session.ts";
import { writeProofFile } from "../proof-file.ts";
import { shortHash, table } from "../table.ts";

const absent = (name: string): CliError =>
  new CliError({
    code: "not_found",
    message: `there is no shared document ${name} here`,
    hint: "`byz shared list` shows those there are, `byz shared edit` makes one",
    exitCode: exitCodes.failed,
  });

const listCommand = defineCommand({
  usage: "list",
  summary: "The shared documents that a node has",
  examples: ["byz shared list", "byz shared list --json"],
  exits: [4],
  async run(session) {
    const answer = await clientOf(session).listShared();
    const rows = answer.items.map(({ name, operations, digest }) => [name, String(operations), shortHash(digest)]);
    session.answer(rows.length === 0 ? "no shared documents" : table(session, ["NAME", "EDITS", "DIGEST"], rows), answer);
  },
});

const anchorText = ({ anchor }: SharedAnswer): string => {
  if (anchor === undefined) return "not anchored in the ledger yet";
  return `anchored in block ${anchor.sequence}${anchor.current ? "" : ", as it was then: it has changed since"}`;
};

const render = (document: SharedAnswer): string =>
  [
    JSON.stringify(document.content, undefined, 2),
    anchorText(document),
    ...document.forkers.map((key) => `author ${key} forked his history of it`),
  ].join("\n");

const writeProof = async (session: Session, file: string, name: string, { proof }: SharedAnswer): Promise<void> => {
  if (proof === undefined) return;
  const { chainId, genesisHash } = await clientOf(session).status();
  writeProofFile(session, file, createAnchorDocument({ chainId, hash: toDigest(genesisHash) }, name, proof));
};

const showCommand = defineCommand<{ raw?: boolean; prove?: string }>({
  usage: "show <name>",
  summary: "A shared document as a node has it",
  arguments: { name: "its name" },
  options: [
    new Option("--raw", "its canonical bytes: the same on all nodes that have the same edits").conflicts("prove"),
    new Option(
      "--prove <file>",
      "with the proof that leads from its anchor, or its absence, to a checkpoint that a quorum signed, in a file",
    ),
  ],
  examples: ["byz shared show plan --raw | sha256sum", "byz shared show plan --prove proof.json"],
  exits: [4],
  async run(session, [name = ""], { raw, prove }) {
    const client = clientOf(session);
    if (raw === true && !session.json) {
      const bytes = await client.sharedRaw(name);
      if (bytes === undefined) throw absent(name);
      session.io.stdout(bytes);
      return;
    }
    const document = await client.shared(name, { proof: prove !== undefined });
    if (document === undefined) throw absent(name);
    if (prove !== undefined) await writeProof(session, prove, name, document);
    session.answer(() => session.words(render(document)), document);
  },
});

const watchCommand = defineCommand({
  usage: "watch <name>",
  summary: "A shared document, again each time it changes, until interrupted",
  arguments: { name: "its name; it need not exist yet" },
  examples: ["byz shared watch plan", "byz shared watch plan --json"],
  exits: [4],
  run(session, [name = ""]) {
    const client = clientOf(session);
    const redraws = session.io.colour && !session.json;
    let last = "";
    return showing(session, true, async () => {
      const document = await client.shared(name);
      // a screen that was wiped is drawn again; what is only appended to tells changes
      if (document === undefined || (document.digest === last && !redraws)) return;
      last = document.digest;
      session.answer(() => session.words(render(document)), document);
    });
  },
});

/* ------------------------------------------------------------------ editing */

interface EditOptions {
  readonly clear?: readonly string[];
  readonly remove?: readonly string[];
  readonly add?: readonly string[];
  readonly set?: readonly string[];
  readonly count?: readonly string[];
  readonly append?: readonly string[];
}

const pathOf = (text: string): string[] => {
  const path = text.split("/");
  return path.includes("") ? usage(`"${text}" is not a path`, "keys joined by /, such as team/members") : path;
};

const usage = (message: string, hint: string): never => {
  throw usageError(message, hint);
};

/** `path=value`; the value may hold further `=`. */
const assignment = (text: string): { readonly path: string[]; readonly value: string } => {
  const at = text.indexOf("=");
  return at < 1
    ? usage(`"${text}" is not PATH=VALUE`, "such as title=hello")
    : { path: pathOf(text.slice(0, at)), value: text.slice(at + 1) };
};

const amountOf = (text: string): SharedChange => {
  const { path, value } = assignment(text);
  const amount = /^[+-]?\d{1,16}$/.test(value) ? Number(value) : 0;
  return amount === 0 || !Number.isSafeInteger(amount)
    ? usage(`"${value}" is not a whole number other than 0`, "such as votes=2 or votes=-1")
    : { type: "counter-add", path, amount };
};

const withValue = (type: "set-add" | "set-remove" | "register-set", texts: readonly string[] = []): SharedChange[] =>
  texts.map((text) => ({ type, ...assignment(text) }));

const lastElement = (content: Readonly<Record<string, SharedField>>, path: readonly string[]): string | undefined => {
  const [key = "", ...rest] = path;
  const field = Object.hasOwn(content, key) ? content[key] : undefined;
  return rest.length === 0 ? field?.list?.at(-1)?.id : lastElement(field?.map ?? {}, rest);
};

/** Behind the last element that the node shows; several for one path behind each other. */
const appends = async (client: HttpClient, name: string, texts: readonly string[], before: number): Promise<SharedChange[]> => {
  if (texts.length === 0) return [];
  const content = (await client.shared(name))?.content ?? {};
  const last = new Map<string, string>();
  return texts.map((text, index) => {
    const { path, value } = assignment(text);
    const after = last.get(path.join("/")) ?? lastElement(content, path);
    last.set(path.join("/"), `:${before + index}`);
    return { type: "list-insert", path, value, ...(after === undefined ? {} : { after }) };
  });
};

const changesOf = async (session: Session, name: string, options: EditOptions): Promise<SharedChange[]> => {
  const changes: SharedChange[] = [
    ...(options.clear ?? []).map((text): SharedChange => ({ type: "clear", path: pathOf(text) })),
    ...withValue("set-remove", options.remove),
    ...withValue("set-add", options.add),
    ...withValue("register-set", options.set),
    ...(options.count ?? []).map(amountOf),
  ];
  changes.push(...(await appends(clientOf(session), name, options.append ?? [], changes.length)));
  return changes.length === 0 ? usage("there is nothing to change", "see byz shared edit --help") : changes;
};

const editCommand = defineCommand<EditOptions>({
  usage: "edit <name>",
  summary: "Changes a shared document through a validator's node: all or nothing, with or without a quorum; made with its first edit",
  arguments: { name: "1 to 64 of a-z 0-9 . _ -" },
  options: [
    new Option("--clear <path>", "empty whatever is there and beneath; several, done first").argParser(several),
    new Option("--remove <path=value>", "take out of a set; several").argParser(several),
    new Option("--add <path=value>", "put into a set; several").argParser(several),
    new Option("--set <path=value>", "write a register; several").argParser(several),
    new Option("--count <path=n>", "add to a counter; several").argParser(several),
    new Option("--append <path=value>", "put at the end of a list; several, done last").argParser(several),
  ],
  examples: [
    "byz shared edit plan --set title=hello --count votes=1",
    "byz shared edit plan --add team/members=ann --append todo='buy bread'",
  ],
  exits: [4],
  async run(session, [name = ""], options) {
    const changes = await changesOf(session, name, options);
    const edited = await clientOf(session).editShared(name, changes);
    session.answer(`${name} has edit ${shortHash(edited.operation)}, number ${edited.sequence} of this node's`, edited);
  },
});

export const sharedCommand = defineGroup(
  {
    name: "shared",
    summary: "Documents writable on both sides of a partition",
    examples: ["byz shared list", "byz shared edit plan --set title=hello"],
  },
  [listCommand, showCommand, editCommand, watchCommand],
);
