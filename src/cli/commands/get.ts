/** `byz get` */
import { Option } from "commander";
import type { Consistency, GetAnswer } from "../../client/answers.ts";
import { type CertifiedAnswer, createProofDocument } from "../../client/proof-document.ts";
import type { Genesis } from "../../node/home/genesis.ts";
import { toDigest } from "../../protocol/ids.ts";
import { clientOf } from "../client.ts";
import { defineCommand } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { writeProofFile } from "../proof-file.ts";
import type { Session } from "../session.ts";
import { keyBytes } from "../submit.ts";
import { valueMembers, valueText } from "../value.ts";
import {
  storeGenesisAtHand,
  type GenesisFlag,
  genesisOption,
  localIsOneNodes,
  readingClient,
  sayUnverified,
  verifyingClient,
} from "../verified.ts";

interface GetOptions extends GenesisFlag {
  readonly consistency?: Consistency;
  /** true without a file */
  readonly prove?: string | true;
  readonly raw?: boolean;
}

/** the words of `--consistency` */
export const consistencyOption = (): Option =>
  new Option(
    "--consistency <level>",
    "linearizable, the default, sees all writes acknowledged before; certified comes with a proof; local is what this node has",
  ).choices(["linearizable", "certified", "local"]);

const absent = (key: string): CliError =>
  new CliError({
    code: "not_found",
    message: `there is no key ${key}`,
    hint: "`byz list` shows the keys there are",
    exitCode: exitCodes.failed,
  });

interface Found {
  readonly value: string;
  readonly encoding: GetAnswer["encoding"];
}

/** One value in the form that was asked for. */
const show = (session: Session, found: Found, raw: boolean | undefined, more = ""): void => {
  if (raw === true) return session.io.stdout(Buffer.from(found.value, found.encoding));
  session.answer(() => session.words(valueText(found)) + more, found);
};

/** An ordered read, as proven as a write. */
const getProven = async (session: Session, genesis: Genesis, key: string, { raw, prove }: GetOptions): Promise<void> => {
  const client = await verifyingClient(session, genesis);
  const { value, version, sequence, requestId, document } = await client.prove(keyBytes(key));
  if (typeof prove === "string") writeProofFile(session, prove, document);
  if (value === undefined) throw absent(key);
  const printed = prove === true ? { proof: document } : {};
  const members = {
    key,
    ...valueMembers(value),
    version,
    consistency: "linearizable",
    asOf: sequence,
    requestId,
    verified: true,
    ...printed,
  };
  show(session, members, raw, prove === true ? `\n${JSON.stringify(document)}` : "");
};

/** A certified answer and the network that it is of: verified where there is a genesis. */
const askCertified = async (
  session: Session,
  genesis: Genesis | undefined,
  key: string,
): Promise<{ readonly answer: CertifiedAnswer; readonly network: Pick<Genesis, "chainId" | "hash"> }> => {
  if (genesis !== undefined) {
    const { answer } = await (await readingClient(session, genesis)).getCertified(keyBytes(key));
    return { answer, network: genesis };
  }
  const http = clientOf(session);
  const answer = await http.getCertified(keyBytes(key));
  const { chainId, genesisHash } = await http.status();
  return { answer, network: { chainId, hash: toDigest(genesisHash) } };
};

const getCertified = async (session: Session, genesis: Genesis | undefined, key: string, options: GetOptions): Promise<void> => {
  const { answer, network } = await askCertified(session, genesis, key);
  // what else a refusal says is not part of the proof
  const { keyEncoding, proof, asOf } = answer;
  const nothing = { key: answer.key, ...(keyEncoding === undefined ? {} : { keyEncoding }), consistency: "certified" as const, asOf };
  const document = createProofDocument(network, "value" in answer ? answer : { ...nothing, ...(proof === undefined ? {} : { proof }) });
  if (typeof options.prove === "string") writeProofFile(session, options.prove, document);
  if (!("value" in answer)) throw absent(key);
  if (session.json) session.answer("", { ...answer, ...(genesis === undefined ? {} : { verified: true }) });
  else show(session, answer, options.raw, options.prove === true ? `\n${JSON.stringify(document)}` : "");
  if (genesis === undefined) sayUnverified(session);
};

/** What a node says, as it says it. */
const getUnverified = async (session: Session, key: string, consistency: Consistency, raw: boolean | undefined): Promise<void> => {
  const client = clientOf(session);
  if (raw === true) {
    const value = await client.getRaw(key, { consistency });
    if (value === undefined) throw absent(key);
    session.io.stdout(value);
  } else {
    const answer = await client.get(key, { consistency });
    if (answer === undefined) throw absent(key);
    session.answer(() => session.words(valueText(answer)), answer);
  }
};

export const getCommand = defineCommand<GetOptions>({
  usage: "get <key>",
  summary: "Reads a key; with a genesis at hand the answer is verified against it",
  arguments: { key: "its name" },
  options: [
    consistencyOption(),
    new Option(
      "--prove [file]",
      "with the proof of the value, or of its absence, in a file or after the value: what f+1 validators signed; " +
        "as certified, and without a genesis at hand: a path to the last checkpoint that a quorum signed",
    ),
    genesisOption(),
    new Option("--raw", "the value's bytes as they are, nothing else").conflicts("json"),
  ],
  examples: ["byz get greeting", "byz get photo --raw > photo.jpg"],
  exits: [3, 4, 5, 6],
  async run(session, [key = ""], options) {
    const prove = options.prove !== undefined;
    const genesis = await storeGenesisAtHand(session, options);
    const consistency = options.consistency ?? (prove && genesis === undefined ? "certified" : "linearizable");
    if (prove && (consistency === "local" || (consistency === "linearizable" && genesis === undefined))) {
      throw usageError(
        `--prove does not go with --consistency ${consistency}`,
        "name the network's genesis with --genesis, or ask for certified",
      );
    }
    if (consistency === "certified") return getCertified(session, genesis, key, options);
    if (consistency === "linearizable" && genesis !== undefined) return getProven(session, genesis, key, options);
    await getUnverified(session, key, consistency, options.raw);
    sayUnverified(session, consistency === "local" ? localIsOneNodes : undefined);
  },
});
