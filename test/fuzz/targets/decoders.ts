/** Every decoder of the project beside its encoder and valid encodings to start from. */
import fc from "fast-check";
import { decodeAnswers, encodeAnswers } from "../../../src/ledger/answers.ts";
import type { Answer, Outcome } from "../../../src/ledger/answers.ts";
import { decodeClock, decodeHead, encodeClock, encodeHead } from "../../../src/ledger/head.ts";
import { decodeOperation, decodeResult, encodeOperation, encodeResult } from "../../../src/ledger/kv/encoding.ts";
import { decodeUses, encodeUses } from "../../../src/ledger/session-table.ts";
import type { SessionUse } from "../../../src/ledger/session-table.ts";
import { toLatin1 } from "../../../src/wire/bytes.ts";
import { decodeChanges, encodeChanges } from "../../../src/ledger/state/layout.ts";
import type { BatchChanges } from "../../../src/ledger/state/layout.ts";
import { StoreError } from "../../../src/storage/port.ts";
import { bytesToRaw, decodeTreePage, encodeTreePage, samplePages } from "./pages.ts";
import { decodeStateProof, encodeStateProof } from "../../../src/ledger/state/proof.ts";
import { decodeClientAnswer, decodeQuestion, encodeClientAnswer, encodeQuestion } from "../../../src/wire/exchanges.ts";
import type { StateProof } from "../../../src/ledger/state/proof.ts";
import {
  RecordError,
  decodeAccepted,
  decodeBlockHeader,
  decodeRequestPlace,
  decodeViewRecord,
  encodeAccepted,
  encodeBlockHeader,
  encodeRequestPlaces,
  encodeViewRecord,
  keys,
} from "../../../src/node/data/records.ts";
import { toSequence } from "../../../src/protocol/ids.ts";
import type { Request } from "../../../src/protocol/messages.ts";
import * as certificates from "../../../src/wire/certificates.ts";
import { decodeConsensusFrame, decodeGossip, decodeSyncFrame, encodeFrame } from "../../../src/wire/frames.ts";
import type { Decoded } from "../../../src/wire/reader.ts";
import { createBatch, createRequest, decodeBatch, decodeRequest } from "../../../src/wire/requests.ts";
import * as viewChanges from "../../../src/wire/view-change.ts";
import { anyOperation, anyResult } from "../../ledger/kv/arbitraries.ts";
import * as arbitrary from "../../wire/arbitraries.ts";

/** What one decoder is judged by. */
export interface Decoder {
  readonly name: string;
  /** valid encodings, not empty */
  readonly samples: readonly Uint8Array[];
  /** Decodes and encodes again; undefined when the bytes were refused. Must not throw. */
  again(bytes: Uint8Array): Uint8Array | undefined;
}

const samplesPerDecoder = 24;

const of = <T>(
  seed: number,
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): Decoder => ({
  name,
  samples: fc.sample(values, { numRuns: samplesPerDecoder, seed }).map(encode),
  again: (bytes) => {
    const decoded = decode(bytes);
    return decoded.ok ? encode(decoded.value) : undefined;
  },
});
/** For decoders that answer `undefined`. */
const plain = <T>(decode: (bytes: Uint8Array) => T | undefined): ((bytes: Uint8Array) => Decoded<T>) => {
  return (bytes) => {
    const value = decode(bytes);
    return value === undefined ? { ok: false, error: { reason: "truncated", field: "" } } : { ok: true, value };
  };
};
/** For decoders of the store's records, whose exceptions are the RecordError and the StoreError `corrupt`. */
const record = <T>(decode: (bytes: Uint8Array) => T): ((bytes: Uint8Array) => Decoded<T>) =>
  plain((bytes) => {
    try {
      return decode(bytes);
    } catch (error) {
      if (error instanceof RecordError || (error instanceof StoreError && error.code === "corrupt")) return undefined;
      throw error;
    }
  });

const frames = (seed: number): Decoder[] => {
  const consensus = Object.entries(arbitrary.consensusFrames).map(([kind, values]) =>
    of<Parameters<typeof encodeFrame>[0]>(seed, `frame ${kind}`, values, encodeFrame, decodeConsensusFrame),
  );
  const sync = Object.entries(arbitrary.syncFrames).map(([kind, values]) =>
    of<Parameters<typeof encodeFrame>[0]>(seed, `frame ${kind}`, values, encodeFrame, decodeSyncFrame),
  );
  return [...consensus, ...sync, of(seed, "gossip", arbitrary.proposalFrame, encodeFrame, decodeGossip)];
};

/** Built anew out of its fields: the decoder's own views and digests must not be what is compared. */
const rebuilt = (request: Request): Request => {
  const again = createRequest(request, request.signature);
  if (again.id !== request.id) throw new Error(`the request was named ${request.id}, and is ${again.id}`);
  return again;
};

const requests = (seed: number): Decoder[] => [
  of(seed, "request", arbitrary.request, (request) => rebuilt(request).bytes, decodeRequest),
  of(
    seed,
    "batch",
    arbitrary.batch,
    (batch) => {
      const again = createBatch(batch.timestamp, batch.requests.map(rebuilt));
      if (again.digest !== batch.digest) throw new Error(`the batch's digest was ${batch.digest}, and is ${again.digest}`);
      return again.bytes;
    },
    decodeBatch,
  ),
];

const stored = (seed: number): Decoder[] => [
  of(
    seed,
    "prepared certificate",
    arbitrary.preparedCertificate,
    certificates.encodePreparedCertificate,
    certificates.decodePreparedCertificate,
  ),
  of(seed, "commit certificate", arbitrary.commitCertificate, certificates.encodeCommitCertificate, certificates.decodeCommitCertificate),
  of(
    seed,
    "checkpoint certificate",
    arbitrary.checkpointCertificate,
    certificates.encodeCheckpointCertificate,
    certificates.decodeCheckpointCertificate,
  ),
  of(seed, "certified batch", arbitrary.certifiedBatch, certificates.encodeCertifiedBatch, certificates.decodeCertifiedBatch),
  of(seed, "view change", arbitrary.viewChange, viewChanges.encodeViewChange, viewChanges.decodeViewChange),
  of(seed, "signed view change", arbitrary.signedViewChange, viewChanges.encodeSignedViewChange, viewChanges.decodeSignedViewChange),
  of(seed, "signed new view", arbitrary.signedNewView, viewChanges.encodeSignedNewView, viewChanges.decodeSignedNewView),
];

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ status: "executed" }),
  fc.tuple(fc.maxSafeNat(), fc.nat(4095)).map(([at, index]): Outcome => ({ status: "duplicate", sequence: toSequence(at), index })),
  fc.constantFrom<Outcome>({ status: "refused", reason: "stale" }, { status: "refused", reason: "sequence-too-far" }),
  fc.maxSafeNat().map((floor): Outcome => ({ status: "refused", reason: "session-expired", floor })),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  id: arbitrary.digest,
  outcome,
  results: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }),
});
const rawHash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToRaw);
const stateProof: fc.Arbitrary<StateProof> = fc
  .record({
    siblings: fc.array(fc.oneof(rawHash, fc.constant(bytesToRaw(new Uint8Array(32)))), { maxLength: 20 }),
    present: fc.boolean(),
    other: fc.option(fc.record({ keyHash: rawHash, valueHash: rawHash })),
  })
  .map(({ siblings, present, other }) => ({ siblings, present, ...(present || other === null ? {} : { other }) }));
const roots = { sequence: arbitrary.sequence, stateRoot: arbitrary.digest, logHash: arbitrary.digest };
const clock = fc.record({ timeMs: arbitrary.u64, sequence: arbitrary.u64, floor: arbitrary.u64, answersHash: arbitrary.digest });
const use: fc.Arbitrary<SessionUse> = fc.record({ client: arbitrary.publicKey, number: arbitrary.u64, index: fc.nat(1023) });
const batchChanges: fc.Arbitrary<BatchChanges> = fc.record({
  keys: fc.array(fc.record({ key: fc.uint8Array({ maxLength: 40 }).map(toLatin1), valueHash: fc.option(rawHash, { nil: undefined }) }), {
    maxLength: 5,
  }),
  note: fc.uint8Array({ maxLength: 50 }),
});

const ledger = (seed: number): Decoder[] => [
  of(seed, "operation", anyOperation, encodeOperation, plain(decodeOperation)),
  of(seed, "result", anyResult, encodeResult, plain(decodeResult)),
  of(seed, "answers", fc.array(answer, { maxLength: 6 }), encodeAnswers, plain(decodeAnswers)),
  of(seed, "state proof", stateProof, encodeStateProof, plain(decodeStateProof)),
  of(seed, "ledger clock", clock, encodeClock, plain(decodeClock)),
  of(
    seed,
    "ledger head",
    fc.record({
      genesisLogHash: arbitrary.digest,
      ...roots,
      clock,
      tree: fc.record({ root: arbitrary.digest, floor: arbitrary.u64 }),
      checkpoints: fc.array(fc.record(roots), { maxLength: 3 }),
    }),
    encodeHead,
    plain(decodeHead),
  ),
  of(seed, "session uses", fc.array(use, { maxLength: 5 }), encodeUses, record(decodeUses)),
  of(seed, "batch changes", batchChanges, encodeChanges, record(decodeChanges)),
  {
    name: "tree page",
    samples: samplePages(seed, samplesPerDecoder).map(encodeTreePage),
    again: (bytes) => {
      const page = decodeTreePage(bytes);
      return page === undefined ? undefined : encodeTreePage(page);
    },
  },
];

/** Key and value of an accepted proposal, one after the other, so that both are damaged. */
const acceptedKeyBytes = 41;

const records = (seed: number): Decoder[] => [
  of(
    seed,
    "record A",
    fc.record({
      sequence: arbitrary.sequence,
      digest: arbitrary.digest,
      view: arbitrary.view,
      proposalSignature: fc.option(arbitrary.signature, { nil: undefined }),
    }),
    ({ sequence, digest, view, proposalSignature }) =>
      Buffer.concat([keys.accepted(sequence, digest), encodeAccepted(view, proposalSignature)]),
    record((bytes) => {
      if (bytes.length > 0 && bytes[0] !== 0x41) throw new RecordError("A", "a range gives only its own table");
      return decodeAccepted(bytes.subarray(0, acceptedKeyBytes), bytes.subarray(acceptedKeyBytes));
    }),
  ),
  of(
    seed,
    "record V",
    fc.oneof(
      arbitrary.signedViewChange.map((viewChange) => ({ active: false as const, viewChange })),
      arbitrary.signedNewView.map((newView) => ({ active: true as const, newView })),
    ),
    encodeViewRecord,
    record(decodeViewRecord),
  ),
  of(
    seed,
    "record K",
    fc.record({
      certificate: arbitrary.commitCertificate,
      logHash: arbitrary.digest,
      stateRoot: arbitrary.digest,
      timestamp: arbitrary.u64,
    }),
    encodeBlockHeader,
    record(decodeBlockHeader),
  ),
  of(
    seed,
    "record I",
    fc.record({ sequence: arbitrary.sequence, index: fc.nat(4095) }),
    ({ sequence, index }) => {
      const answers = Array.from({ length: index + 1 }, (_, at): Answer => ({
        id: "0".repeat(64) as Answer["id"],
        outcome: at === index ? { status: "executed" } : { status: "duplicate", sequence, index: 0 },
        results: [],
      }));
      const [operation] = encodeRequestPlaces(sequence, answers);
      return operation?.type === "put" ? operation.value : new Uint8Array();
    },
    record(decodeRequestPlace),
  ),
];

/** All of them, with samples that follow from the seed. */
export const createDecoders = (seed: number): Decoder[] => [
  ...frames(seed),
  of(seed, "client question", arbitrary.question, encodeQuestion, decodeQuestion),
  of(seed, "client answer", arbitrary.clientAnswer, encodeClientAnswer, decodeClientAnswer),
  ...requests(seed),
  ...stored(seed),
  ...ledger(seed),
  ...records(seed),
];
