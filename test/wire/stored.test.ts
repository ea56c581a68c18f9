/** Encodings of parts that are stored on their own. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Evidence } from "../../src/protocol/evidence.ts";
import * as certificates from "../../src/wire/certificates.ts";
import { decodeEvidence, encodeEvidence } from "../../src/wire/evidence.ts";
import type { Decoded } from "../../src/wire/reader.ts";
import * as viewChanges from "../../src/wire/view-change.ts";
import * as arbitrary from "./arbitraries.ts";

interface Codec<T> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Decoded<T>;
}

const check = <T>({ name, values, encode, decode }: Codec<T>): void => {
  describe(name, () => {
    it("comes back as it was", () => {
      fc.assert(
        fc.property(values, (value) => {
          expect(decode(encode(value))).toEqual({ ok: true, value });
        }),
        { numRuns: 50 },
      );
    });
    it("is refused when cut anywhere, and canonical when changed", () => {
      fc.assert(
        fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
          const bytes = encode(value);
          expect(decode(bytes.subarray(0, at % bytes.length)).ok).toBe(false);
          bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
          const decoded = decode(bytes);
          if (decoded.ok) expect(encode(decoded.value)).toEqual(bytes);
        }),
        { numRuns: 200 },
      );
    });
  });
};

check({
  name: "prepared certificate",
  values: arbitrary.preparedCertificate,
  encode: certificates.encodePreparedCertificate,
  decode: certificates.decodePreparedCertificate,
});
check({
  name: "commit certificate",
  values: arbitrary.commitCertificate,
  encode: certificates.encodeCommitCertificate,
  decode: certificates.decodeCommitCertificate,
});
check({
  name: "checkpoint certificate",
  values: arbitrary.checkpointCertificate,
  encode: certificates.encodeCheckpointCertificate,
  decode: certificates.decodeCheckpointCertificate,
});
check({
  name: "certified batch",
  values: arbitrary.certifiedBatch,
  encode: certificates.encodeCertifiedBatch,
  decode: certificates.decodeCertifiedBatch,
});
check({
  name: "unsigned VIEW-CHANGE",
  values: arbitrary.viewChange,
  encode: viewChanges.encodeViewChange,
  decode: viewChanges.decodeViewChange,
});
check({
  name: "signed VIEW-CHANGE",
  values: arbitrary.signedViewChange,
  encode: viewChanges.encodeSignedViewChange,
  decode: viewChanges.decodeSignedViewChange,
});
check({
  name: "signed NEW-VIEW",
  values: arbitrary.signedNewView,
  encode: viewChanges.encodeSignedNewView,
  decode: viewChanges.decodeSignedNewView,
});

check<Evidence>({ name: "evidence", values: arbitrary.evidence, encode: encodeEvidence, decode: decodeEvidence });
