import { describe, expect, it } from "vitest";
import { peerNameFromPublicKey } from "../../../src/network/peer-name.ts";
import type { PublicKey } from "../../../src/protocol/ids.ts";
import { defaultParameters } from "../../../src/protocol/limits.ts";
import { encodeGenesis, GenesisError, parseGenesis, parseRecord, renderGenesis } from "../../../src/node/home/genesis.ts";
import { genesisCommittee } from "../../../src/node/home/genesis-committee.ts";
import type { Genesis } from "../../../src/node/home/genesis.ts";
import { signRecord } from "../../../src/node/home/record.ts";
import type { PublicRecord } from "../../../src/node/home/record.ts";
import { keyFromSeed } from "../../../src/signing/keys.ts";

const seeded = (number: number) => keyFromSeed(new Uint8Array(32).fill(number));
const recordOf = (number: number): PublicRecord =>
  signRecord(`node-${number}`, { validator: seeded(2 * number + 1), node: seeded(2 * number + 2) });
const records = [0, 1, 2, 3].map(recordOf);
const founding = { chainId: "test-1", createdAt: Date.parse("2026-01-31T12:00:00.000Z"), validators: records };
const text = renderGenesis(founding);
const genesis = parseGenesis(text, "genesis.json");

/** A genesis changed in one place. */
const changed = (
  change: (json: Record<string, unknown> & { parameters: Record<string, unknown>; validators: Record<string, unknown>[] }) => void,
): string => {
  const json = JSON.parse(text) as Parameters<typeof change>[0];
  change(json);
  return JSON.stringify(json);
};

const problemsOf = (work: () => unknown): readonly string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof GenesisError) return error.problems;
    throw error;
  }
  return [];
};

describe("a genesis", () => {
  it("reads back what was founded", () => {
    expect(genesis).toMatchObject({
      chainId: "test-1",
      createdAt: founding.createdAt,
      testnet: false,
      application: "kv",
      parameters: defaultParameters,
    });
    const committee = genesisCommittee(genesis);
    expect(committee).toMatchObject({ epoch: 0, n: 4, f: 1, quorum: 3 });
    expect(committee.validators.map((validator) => validator.publicKey)).toEqual(records.map((record) => record.validatorKey));
  });

  it("has a hash that is the content's, not the text's", () => {
    const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()));
    expect(parseGenesis(reordered, "x").hash).toBe(genesis.hash);
    expect(genesis.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("has the encoding that docs/wire.md describes", () => {
    const bytes = Buffer.from(encodeGenesis(genesis));
    expect(bytes.subarray(0, 14).toString("latin1")).toBe("byz/1/genesis\0");
    expect(bytes.subarray(14, 21).toString("latin1")).toBe("\u0006test-1");
    expect(bytes.readBigUInt64BE(21)).toBe(BigInt(founding.createdAt));
    expect(bytes[29]).toBe(0);
    expect(bytes.subarray(30, 33).toString("latin1")).toBe("\u0002kv");
    const numbers = Array.from({ length: 6 }, (_, index) => Number(bytes.readBigUInt64BE(33 + 8 * index)));
    const { checkpointInterval, maxBatchBytes, maxBatchRequests, maxClockDriftMs, maxSessions, sessionWindow } = defaultParameters;
    expect(numbers).toEqual([checkpointInterval, maxBatchBytes, maxBatchRequests, maxClockDriftMs, maxSessions, sessionWindow]);
    expect(bytes.readUInt16BE(81)).toBe(4);
    expect(bytes.subarray(83, 115).toString("hex")).toBe(records[0]?.validatorKey);
  });

  it("has another hash when anything in it is another", () => {
    const content: Omit<Genesis, "hash"> = genesis;
    const [first, second, ...rest] = records as [PublicRecord, PublicRecord];
    const variants: Omit<Genesis, "hash">[] = [
      content,
      { ...content, chainId: "test-2" },
      { ...content, createdAt: content.createdAt + 1 },
      { ...content, testnet: true },
      { ...content, application: "other" },
      ...Object.keys(defaultParameters).map((name) => ({ ...content, parameters: { ...defaultParameters, [name]: 1234 } })),
      { ...content, validators: [second, first, ...rest] },
      { ...content, validators: rest },
      { ...content, validators: [{ ...first, moniker: "other" }, second, ...rest] },
    ];
    const encodings = variants.map((variant) => Buffer.from(encodeGenesis(variant)).toString("hex"));
    expect(new Set(encodings).size).toBe(variants.length);
  });
});

/** order 8; and 1, the identity's y */
const smallOrderKey = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" as PublicKey;
const identityKey = `01${"00".repeat(31)}` as PublicKey;

describe("what a genesis may not be", () => {
  const cases: readonly (readonly [name: string, json: string, complaint: RegExp])[] = [
    ["no JSON", "{", /is not JSON/],
    ["no object", "[]", /^must be an object$/],
    ["unknown key", changed((json) => (json["chain"] = 1)), /has unknown keys: chain/],
    ["unknown parameter", changed((json) => (json.parameters["speed"] = 1)), /parameters has unknown keys: speed/],
    ["unknown key in a record", changed((json) => (json.validators[0]!["power"] = 10)), /validators\[0\] has unknown keys: power/],
    ["missing key", changed((json) => delete json["application"]), /^application is missing$/],
    ["chain id with a space", changed((json) => (json["chainId"] = "a b")), /chainId must be 1 to 64 letters/],
    ["chain id too long", changed((json) => (json["chainId"] = "a".repeat(65))), /chainId must be/],
    ["a date without time", changed((json) => (json["createdAt"] = "2026-01-31")), /createdAt must be a time/],
    ["testnet: false", changed((json) => (json["testnet"] = false)), /testnet must be true or absent/],
    [
      "a fraction",
      changed((json) => (json.parameters["checkpointInterval"] = 1.5)),
      /parameters.checkpointInterval must be a whole number from 4 to 1024/,
    ],
    ["zero", changed((json) => (json.parameters["maxBatchRequests"] = 0)), /parameters.maxBatchRequests must be/],
    [
      "batches larger than a frame takes",
      changed((json) => (json.parameters["maxBatchBytes"] = 3 * 1024 * 1024)),
      /parameters.maxBatchBytes must be/,
    ],
    ["text for a number", changed((json) => (json.parameters["maxSessions"] = "65536")), /parameters.maxSessions must be/],
    ["nobody", changed((json) => (json.validators = [])), /validators must name at least one/],
    ["too many", changed((json) => (json.validators = Array.from({ length: 129 }, () => json.validators[0]!))), /at most 128 validators/],
    [
      "a key twice",
      changed((json) => (json.validators[1]!["validatorKey"] = records[0]!.validatorKey)),
      /validators\[1\].validatorKey is also that of validators\[0\]/,
    ],
    [
      "a peer twice",
      changed((json) => (json.validators[2]!["peerId"] = records[0]!.peerId)),
      /validators\[2\].peerId is also that of validators\[0\]/,
    ],
    [
      "a moniker twice",
      changed((json) => (json.validators[3]!["moniker"] = "node-1")),
      /validators\[3\].moniker is also that of validators\[1\]/,
    ],
    ["a record twice", changed((json) => json.validators.push(json.validators[0]!)), /validators\[4\].validatorKey is also/],
    [
      "another's signature",
      changed((json) => (json.validators[0]!["signatures"] = records[1]!.signatures)),
      /validators\[0\] node-0: the validator key's signature/,
    ],
    [
      "a changed moniker",
      changed((json) => (json.validators[0]!["moniker"] = "eve")),
      /validators\[0\] eve: the validator key's signature does not verify/,
    ],
    [
      "a short signature",
      changed((json) => (json.validators[0]!["signatures"] = { validator: "AA==", node: "AA==" })),
      /signatures.validator must be 64 bytes/,
    ],
    [
      "upper-case hex",
      changed((json) => (json.validators[0]!["validatorKey"] = records[0]!.validatorKey.toUpperCase())),
      /64 lowercase hex/,
    ],
    ["a small-order key", changed((json) => (json.validators[0]!["validatorKey"] = smallOrderKey)), /validatorKey is refused: small-order/],
    [
      "the identity as a key",
      changed((json) => (json.validators[0]!["validatorKey"] = identityKey)),
      /validatorKey is refused: small-order/,
    ],
    [
      "a non-canonical key",
      changed((json) => (json.validators[0]!["validatorKey"] = "ff".repeat(32))),
      /validatorKey is refused: not-canonical/,
    ],
    [
      "a small-order node key",
      changed((json) => (json.validators[0]!["peerId"] = peerNameFromPublicKey(smallOrderKey))),
      /peerId's key is refused|not an Ed25519/,
    ],
    [
      "a peer id of another kind",
      changed((json) => (json.validators[0]!["peerId"] = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")),
      /peerId is not an Ed25519/,
    ],
  ];
  it.each(cases)("%s", (_name, json, complaint) => {
    const problems = problemsOf(() => parseGenesis(json, "genesis.json"));
    expect(problems.join("\n")).toMatch(complaint);
    expect(problems.length).toBeLessThanOrEqual(3);
  });

  it("a committee whose NEW-VIEW would not fit into a frame", () => {
    const many = Array.from({ length: 40 }, (_, index) => recordOf(index));
    const problems = problemsOf(() => renderGenesis({ ...founding, parameters: { checkpointInterval: 1024 }, validators: many }));
    expect(problems).toEqual([expect.stringMatching(/checkpointInterval 1024 is too large for 40 validators/)]);
    const advised = Number(/at most (\d+)/.exec(problems[0] ?? "")?.[1]);
    expect(problemsOf(() => renderGenesis({ ...founding, parameters: { checkpointInterval: advised }, validators: many }))).toEqual([]);
    expect(problemsOf(() => renderGenesis({ ...founding, validators: many }))).toEqual([]);
  });

  it("one key for both uses", () => {
    const both = signRecord("both", { validator: seeded(1), node: seeded(1) });
    expect(problemsOf(() => parseRecord(JSON.stringify(both), "both.json"))).toEqual([expect.stringMatching(/are the same key/)]);
  });

  it("keys and texts that a terminal would obey: they are shown, and cut", () => {
    const problems = problemsOf(() => parseGenesis(JSON.stringify({ "\u001b[2J\n": 1, ["x".repeat(5000)]: 2 }), "genesis.json"));
    expect(problems.join("; ")).toContain("\\u{1b}[2J\\u{a}");
    expect(problemsOf(() => parseGenesis("\u001b[2J", "genesis.json")).join("; ")).toContain("\\u{1b}[2J");
    for (const problem of problems) expect(problem).toMatch(/^[^\p{Cc}]{1,1000}$/u);
  });

  it("a huge file", () => {
    expect(problemsOf(() => parseGenesis(`${text}${" ".repeat(1024 * 1024)}`, "genesis.json"))).toEqual([
      expect.stringMatching(/is larger than/),
    ]);
  });

  it("a record of an earlier signature under another moniker", () => {
    const [record] = records as [PublicRecord];
    expect(parseRecord(JSON.stringify(record), "a.json")).toEqual(record);
    const stolen = { ...recordOf(7), peerId: record.peerId };
    expect(problemsOf(() => parseRecord(JSON.stringify(stolen), "a.json"))).toHaveLength(2);
  });
});
