/** What founds a network: `genesis.json`, its rules and its hash (docs/wire.md "Genesis"). */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { schemaWords } from "../../api/schema-words.ts";
import { keyValueStoreName } from "../../ledger/kv/application.ts";
import type { Digest } from "../../protocol/ids.ts";
import { defaultParameters, limits } from "../../protocol/limits.ts";
import type { Parameters } from "../../protocol/limits.ts";
import { sha256 } from "../../wire/digests.ts";
import { maxNewViewBytes } from "../../wire/sizes.ts";
import { concatBytes } from "../../wire/bytes.ts";
import { encodeSized, writeBytes, writeU16, writeU64, writeU8 } from "../../wire/writer.ts";
import { joinProblems, printable } from "./printable.ts";
import { encodeRecordContent, recordProblems, recordSchema } from "./record.ts";
import type { PublicRecord } from "./record.ts";

/** A network's founding document, checked. */
export interface Genesis {
  readonly chainId: string;
  /** Unix milliseconds */
  readonly createdAt: number;
  /** only in such a network may nodes be told to misbehave */
  readonly testnet: boolean;
  /** `Application.name` that every node runs */
  readonly application: string;
  readonly parameters: Parameters;
  /** in the order of epoch 0 */
  readonly validators: readonly PublicRecord[];
  /** SHA-256 of the canonical encoding: the network's identity */
  readonly hash: Digest;
}

/** A genesis, or a public record, is not valid: everything that is wrong with it at once. */
export class GenesisError extends Error {
  readonly problems: readonly string[];
  constructor(source: string, problems: readonly string[]) {
    const told = problems.map(printable);
    super(`${printable(source)}: ${joinProblems(told)}`);
    this.name = "GenesisError";
    this.problems = told;
  }
}

/** What an application may be called. */
export const applicationNameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}$/,
  text: "1 to 64 letters, digits and . / _ -",
} as const;

/** Ranges of `Parameters`: what a genesis may set. */
export const parameterRanges: Readonly<Record<keyof Parameters, readonly [minimum: number, maximum: number]>> = {
  checkpointInterval: [4, limits.maxCheckpointInterval],
  maxBatchBytes: [1024, limits.maxBatchBytes - limits.maxRequestBytes],
  maxBatchRequests: [1, limits.maxRequestsPerBatch],
  maxClockDriftMs: [100, 3_600_000],
  maxSessions: [16, 16_777_216],
  sessionWindow: [1, 1024],
};
const parameterNames = Object.keys(defaultParameters) as (keyof Parameters)[];

const parameterSchema = (name: keyof Parameters) => {
  const [minimum, maximum] = parameterRanges[name];
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z.number(message).int(message).min(minimum, message).max(maximum, message);
};

const chainIdSchema = z
  .string()
  .regex(
    new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${limits.maxChainIdBytes - 1}}$`),
    `must be 1 to ${limits.maxChainIdBytes} letters, digits and . _ -`,
  );

const isoTime = z.string().refine((value) => {
  const time = Date.parse(value);
  return !Number.isNaN(time) && time >= 0 && new Date(time).toISOString() === value;
}, "must be a time as 2026-01-31T12:00:00.000Z");

const genesisSchema = z.strictObject({
  chainId: chainIdSchema,
  createdAt: isoTime,
  testnet: z.literal(true, "must be true or absent").optional(),
  application: z.string().regex(applicationNameRule.pattern, `must be ${applicationNameRule.text}`),
  parameters: z.strictObject({
    checkpointInterval: parameterSchema("checkpointInterval"),
    maxBatchBytes: parameterSchema("maxBatchBytes"),
    maxBatchRequests: parameterSchema("maxBatchRequests"),
    maxClockDriftMs: parameterSchema("maxClockDriftMs"),
    maxSessions: parameterSchema("maxSessions"),
    sessionWindow: parameterSchema("sessionWindow"),
  }),
  validators: z
    .array(recordSchema)
    .min(1, "must name at least one validator")
    .max(limits.maxValidators, `must name at most ${limits.maxValidators} validators`),
});

type GenesisJson = z.infer<typeof genesisSchema>;
type RecordJson = z.infer<typeof recordSchema>;

/** larger files are not read: the largest genesis has 128 records of about 500 bytes */
const maxFileBytes = 1024 * 1024;

const issuesOf = (error: z.ZodError): string[] =>
  error.issues.map((issue) => {
    const place = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
    const at = place.startsWith(".") ? place.slice(1) : place;
    return at === "" ? issue.message : `${at} ${issue.message}`;
  });

const parseJson = (text: string, source: string): unknown => {
  if (Buffer.byteLength(text) > maxFileBytes) throw new GenesisError(source, [`is larger than ${maxFileBytes} bytes`]);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new GenesisError(source, [`is not JSON: ${(error as Error).message}`]);
  }
};

const duplicates = (records: readonly RecordJson[], field: "moniker" | "validatorKey" | "peerId"): string[] => {
  const first = new Map<string, number>();
  return records.flatMap((record, index) => {
    const earlier = first.get(record[field]);
    if (earlier === undefined) first.set(record[field], index);
    return earlier === undefined ? [] : [`validators[${index}].${field} is also that of validators[${earlier}]`];
  });
};

/** The largest `checkpointInterval` with which every NEW-VIEW of `n` validators fits into a frame. */
export const largestCheckpointInterval = (n: number): number => {
  let interval: number = limits.maxCheckpointInterval;
  while (interval > 1 && maxNewViewBytes(n, interval) > limits.maxFrameBytes) interval -= 1;
  return interval;
};

const relationProblems = ({ parameters, validators }: GenesisJson): string[] => {
  const largest = largestCheckpointInterval(validators.length);
  const { checkpointInterval } = parameters;
  if (checkpointInterval <= largest) return [];
  return [
    `parameters.checkpointInterval ${checkpointInterval} is too large for ${validators.length} validators: a NEW-VIEW would not fit into a frame; ` +
      `at most ${largest}`,
  ];
};

const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value);
  return encodeSized(1 + bytes.length, (writer) => {
    writeU8(writer, bytes.length);
    writeBytes(writer, bytes);
  });
};

/**
 * The canonical encoding that is hashed: "byz/1/genesis" ‖ 0x00 ‖ chainId ‖ createdAt u64 ‖ flags u8 (1: testnet) ‖ application ‖ the six parameters in
 * the order of their interface, each u64 ‖ count u16 ‖ each record's content. Texts are u8 length ‖ UTF-8. The records' signatures are not part of it.
 */
export const encodeGenesis = (genesis: Omit<Genesis, "hash">): Uint8Array =>
  concatBytes([
    new TextEncoder().encode("byz/1/genesis\0"),
    text(genesis.chainId),
    encodeSized(9, (writer) => {
      writeU64(writer, genesis.createdAt);
      writeU8(writer, genesis.testnet ? 1 : 0);
    }),
    text(genesis.application),
    encodeSized(8 * parameterNames.length + 2, (writer) => {
      for (const name of parameterNames) writeU64(writer, genesis.parameters[name]);
      writeU16(writer, genesis.validators.length);
    }),
    ...genesis.validators.map(encodeRecordContent),
  ]);

/**
 * Reads the text of a `genesis.json`. Unknown keys, wrong forms, numbers out of range, small- or mixed-order keys, doubles and wrong
 * signatures are all refused.
 *
 * @param source what to call it in errors, such as its path
 * @throws GenesisError
 */
export const parseGenesis = (json: string, source: string): Genesis => {
  const parsed = genesisSchema.safeParse(parseJson(json, source), { error: schemaWords });
  if (!parsed.success) throw new GenesisError(source, issuesOf(parsed.error));
  const { data } = parsed;
  const problems = [
    ...duplicates(data.validators, "moniker"),
    ...duplicates(data.validators, "validatorKey"),
    ...duplicates(data.validators, "peerId"),
    ...relationProblems(data),
    ...data.validators.flatMap((record, index) =>
      recordProblems(record).map((problem) => `validators[${index}] ${record.moniker}: ${problem}`),
    ),
  ];
  if (problems.length > 0) throw new GenesisError(source, problems);
  const content = {
    chainId: data.chainId,
    createdAt: Date.parse(data.createdAt),
    testnet: data.testnet === true,
    application: data.application,
    parameters: data.parameters,
    validators: data.validators as readonly RecordJson[] as readonly PublicRecord[],
  };
  return Object.freeze({ ...content, hash: sha256(encodeGenesis(content)) });
};

/** @throws GenesisError also when the file is missing or can not be read */
export const loadGenesis = (path: string): Genesis => parseGenesis(readText(path), path);

const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new GenesisError(path, [missing ? "is missing" : `can not be read: ${(error as Error).message}`]);
  }
};

/** Reads one public record, as `byz keys export` prints it. @throws GenesisError */
export const parseRecord = (json: string, source: string): PublicRecord => {
  const parsed = recordSchema.safeParse(parseJson(json, source), { error: schemaWords });
  const problems = parsed.success ? recordProblems(parsed.data) : issuesOf(parsed.error);
  if (!parsed.success || problems.length > 0) throw new GenesisError(source, problems);
  return parsed.data as RecordJson as PublicRecord;
};

/** @throws GenesisError */
export const loadRecord = (path: string): PublicRecord => parseRecord(readText(path), path);

export interface Founding {
  readonly chainId: string;
  /** Unix milliseconds */
  readonly createdAt: number;
  readonly testnet?: boolean;
  readonly application?: string;
  readonly parameters?: Partial<Parameters>;
  readonly validators: readonly PublicRecord[];
}

/** The text of a `genesis.json`; what it says has been checked. @throws GenesisError */
export const renderGenesis = (founding: Founding): string => {
  const json = JSON.stringify(
    {
      chainId: founding.chainId,
      createdAt: new Date(founding.createdAt).toISOString(),
      ...(founding.testnet === true ? { testnet: true } : {}),
      application: founding.application ?? keyValueStoreName,
      parameters: {
        ...defaultParameters,
        checkpointInterval: Math.min(defaultParameters.checkpointInterval, largestCheckpointInterval(founding.validators.length)),
        ...founding.parameters,
      },
      validators: founding.validators,
    },
    undefined,
    2,
  );
  parseGenesis(json, "genesis");
  return `${json}\n`;
};
