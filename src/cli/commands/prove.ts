/** `byz prove` */
import { anchorFormat, verifyAnchorDocument } from "../../client/anchor-document.ts";
import { type ProvenDocument, verifyProofDocument } from "../../client/proof-document.ts";
import type { Genesis } from "../../node/home/genesis.ts";
import { visible } from "../../node/home/printable.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { provesNothing, readDocument } from "../document.ts";
import { usageError } from "../errors.ts";
import { valueMembers, valueText } from "../value.ts";
import { genesisAtHand, type GenesisFlag, genesisOption } from "../verified.ts";

/** larger files are no proofs: a largest value in base64, its path, 128 signatures */
const maxFileBytes = 4 * 1024 * 1024;

const describe = ({ chainId }: Genesis, { key, entry, asOf }: ProvenDocument): { readonly text: string; readonly json: unknown } => {
  const { value: name, encoding } = valueMembers(key);
  const keyMembers = { key: name, ...(encoding === "base64" ? { keyEncoding: encoding } : {}) };
  const common = { valid: true, chainId, ...keyMembers, asOf };
  if (entry === undefined) {
    return { text: `proven: as of block ${asOf}, ${chainId} has no key ${visible(name)}`, json: { ...common, present: false } };
  }
  const members = valueMembers(entry.value);
  const { version, sequence } = entry;
  const written = sequence === undefined ? "" : `, written in block ${sequence}`;
  return {
    text: `proven: as of block ${asOf}, ${chainId} has ${visible(name)} at version ${version}${written}:\n${valueText(members)}`,
    json: { ...common, present: true, ...members, version, ...(sequence === undefined ? {} : { sequence }) },
  };
};

interface Judged {
  readonly text: string;
  readonly json: unknown;
}

const judgeValue = (genesis: Genesis, file: string, document: unknown): Judged => {
  const verdict = verifyProofDocument(genesis, document);
  if (!verdict.ok) throw provesNothing(file, verdict.message);
  return describe(genesis, verdict);
};

const isAnchorDocument = (document: unknown): boolean =>
  typeof document === "object" && document !== null && "format" in document && document.format === anchorFormat;

const judgeAnchor = (genesis: Genesis, file: string, value: unknown): Judged => {
  const verdict = verifyAnchorDocument(genesis, value);
  if (!verdict.ok) throw provesNothing(file, verdict.message);
  const { document, asOf, anchor, content } = verdict;
  const common = { valid: true, chainId: genesis.chainId, document, asOf };
  const head = `proven: as of block ${asOf}, ${genesis.chainId} has`;
  if (anchor === undefined) return { text: `${head} no anchor of ${document}`, json: { ...common, present: false } };
  const { digest, sequence, timeMs, validators } = anchor;
  const shown = content === undefined ? "" : `, which shows:\n${content}`;
  return {
    text: `${head} ${document} anchored in block ${sequence} with digest ${digest}${shown}`,
    json: {
      ...common,
      present: true,
      anchor: { digest, sequence, timestamp: timeMs, validators },
      ...(content === undefined ? {} : { content }),
    },
  };
};

const verifyCommand = defineCommand<GenesisFlag>({
  usage: "verify <file>",
  summary:
    "Checks a proof written by `byz get --prove` or `byz shared show --prove`, offline: it needs the network's genesis and nothing else",
  arguments: { file: "the proof" },
  options: [genesisOption()],
  examples: ["byz get greeting --prove proof.json", "byz prove verify proof.json --genesis genesis.json"],
  exits: [3, 6],
  async run(session, [file = ""], options) {
    const genesis = await genesisAtHand(session, options);
    if (genesis === undefined) throw usageError("there is no genesis to verify by", "name one with --genesis FILE");
    const document = readDocument(file, maxFileBytes);
    const { text, json } = isAnchorDocument(document) ? judgeAnchor(genesis, file, document) : judgeValue(genesis, file, document);
    session.answer(() => session.words(text), json);
  },
});

export const proveCommand = defineGroup(
  {
    name: "prove",
    summary: "Proofs of values, checked without any node",
    examples: ["byz get greeting --prove proof.json", "byz prove verify proof.json --genesis genesis.json"],
  },
  [verifyCommand],
);
