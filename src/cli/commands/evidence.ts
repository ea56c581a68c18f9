/** `byz evidence` */
import { Option } from "commander";
import type { EvidenceAnswer } from "../../client/operate-answers.ts";
import { type ProvenEvidence, verifyEvidence } from "../../client/verify-evidence.ts";
import { clientOf, showing } from "../client.ts";
import { defineCommand, defineGroup } from "../command.ts";
import { provesNothing, readDocument } from "../document.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { pairs, shortHash, table } from "../table.ts";
import { genesisAtHand, type GenesisFlag, genesisOption } from "../verified.ts";

/** the largest proof in base64, and what is said of it */
const maxFileBytes = 28 * 1024 * 1024;

const names = (validators: readonly { readonly moniker: string }[]): string =>
  validators.length === 0 ? "nobody for certain" : validators.map(({ moniker }) => moniker).join(", ");

const placeOf = ({ epoch, view, sequence }: { readonly epoch: number; readonly view: number; readonly sequence: number }): string =>
  `epoch ${epoch}, view ${view}, sequence ${sequence}`;

const listCommand = defineCommand<{ watch?: boolean }>({
  usage: "list",
  summary: "All that a node keeps, in the order in which it found them; what `byz evidence` alone does",
  options: [new Option("--watch", "again every second")],
  examples: ["byz evidence", "byz evidence --watch"],
  exits: [4],
  async run(session, _args, { watch }) {
    const client = clientOf(session);
    return showing(session, watch, async () => {
      const records = await client.evidence();
      const rows = records.map((record) => [
        shortHash(record.id),
        record.kind,
        names(record.culprits),
        record.document ?? placeOf(record),
        new Date(record.detectedAt).toISOString(),
        record.action,
      ]);
      const text = (): string => table(session, ["ID", "KIND", "CULPRITS", "WHERE", "FOUND", "DONE"], rows);
      session.answer(records.length === 0 ? "no proof of misbehaviour" : text, records);
    });
  },
});

/** By its whole id, or by a beginning that only one has. */
const find = (records: readonly EvidenceAnswer[], id: string): EvidenceAnswer => {
  const [found, ...more] = records.filter((record) => record.id.startsWith(id));
  if (found !== undefined && more.length === 0) return found;
  throw new CliError({
    code: "not_found",
    message: found === undefined ? `this node keeps no proof ${id}` : `${more.length + 1} proofs begin with ${id}`,
    hint: "`byz evidence` lists them",
    exitCode: exitCodes.failed,
  });
};

const showCommand = defineCommand({
  usage: "show <id>",
  summary: "One proof, whole: with --json as the document that `byz evidence verify` checks",
  arguments: { id: "as `byz evidence` shows it" },
  examples: ["byz evidence show 0f3a5c71b2d4", "byz evidence show 0f3a5c71b2d4 --json > evidence.json"],
  exits: [4],
  async run(session, [id = ""]) {
    if (!/^[0-9a-f]{4,64}$/.test(id)) throw usageError(`not an id: ${id}`, "an id is hexadecimal; its first 4 digits or more are enough");
    const client = clientOf(session);
    const found = id.length === 64 ? await client.evidenceOf(id) : undefined;
    const record = found ?? find(id.length === 64 ? [] : await client.evidence(), id);
    session.answer(
      () =>
        pairs([
          ["id", record.id],
          ["kind", record.kind],
          ...record.culprits.map(({ moniker, peerId }) => ["culprit", `${moniker} ${peerId}`] as const),
          ...(record.signedBoth ?? []).map(({ moniker, peerId }) => ["signed both", `${moniker} ${peerId}`] as const),
          ["where", record.document ?? placeOf(record)],
          ["found", new Date(record.detectedAt).toISOString()],
          ["method", record.method],
          ["done", record.action],
          ["proof", record.proof],
        ]),
      record,
    );
  },
});

const describe = ({ kind, culprits, signedBoth, document, ...place }: ProvenEvidence): string => {
  const both = signedBoth.length === 0 ? "" : `\nsigned by both quorums: ${names(signedBoth)}`;
  return `proven: ${kind} in ${document === undefined ? placeOf(place) : `the document ${document}`}\nby: ${names(culprits)}${both}`;
};

const verifyCommand = defineCommand<GenesisFlag>({
  usage: "verify <file>",
  summary: "Checks a proof of misbehaviour offline: it needs the network's genesis and nothing else",
  arguments: { file: "a proof, as `byz evidence show --json` prints it" },
  options: [genesisOption()],
  examples: ["byz evidence show 0f3a5c71b2d4 --json > evidence.json", "byz evidence verify evidence.json --genesis genesis.json"],
  exits: [3, 6],
  async run(session, [file = ""], options) {
    const genesis = await genesisAtHand(session, options);
    if (genesis === undefined) throw usageError("there is no genesis to verify by", "name one with --genesis FILE");
    const verdict = verifyEvidence(genesis, readDocument(file, maxFileBytes));
    if (!verdict.ok) throw provesNothing(file, verdict.message);
    const { ok: valid, culprits, signedBoth, ...rest } = verdict;
    const named = (validators: typeof culprits) =>
      validators.map(({ index, peer, publicKey, moniker }) => ({ index, peerId: peer, validatorKey: publicKey, moniker }));
    const json = { valid, chainId: genesis.chainId, ...rest, culprits: named(culprits), signedBoth: named(signedBoth) };
    session.answer(() => describe(verdict), json);
  },
});

export const evidenceCommand = defineGroup(
  {
    name: "evidence",
    summary: "Proofs of misbehaviour: those that a node keeps, and their check without any node",
    examples: ["byz evidence", "byz evidence verify evidence.json --genesis genesis.json"],
  },
  [showCommand, verifyCommand],
  listCommand,
);
