/** The worked examples of docs/wire.md are what the code does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Digest, Epoch, ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import { keyFromSeed } from "../../src/signing/keys.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import { toHex } from "../../src/wire/bytes.ts";
import { encodeFrame } from "../../src/wire/frames.ts";
import { createBatch, emptyBatchDigest } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

it("the worked examples of docs/wire.md hold", () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "wire.md"), "utf8");
  const key = keyFromSeed(new Uint8Array(32).fill(1));
  const signBytes = createSignBytes("aa".repeat(32) as Digest);
  const request = signRequest(key, signBytes, { sequence: 7, operations: [Uint8Array.of(0xde, 0xad)] });
  const batch = createBatch(1_700_000_000_000, [request]);
  const slot = { epoch: 0 as Epoch, view: 2 as View, sequence: 5 as Sequence, digest: batch.digest };
  const signed = createSigner(key, signBytes).sign({ kind: "commit", ...slot, replica: 3 as ReplicaIndex });
  const byte = (value: number): Digest => value.toString(16).padStart(2, "0").repeat(32) as Digest;
  const roots = { epoch: slot.epoch, sequence: slot.sequence, requests: 1, resultsRoot: byte(1), stateRoot: byte(2), logHash: byte(3) };
  const receipt = createSigner(key, signBytes).signReceipt(roots, 3 as ReplicaIndex);
  const lines = [
    `id          ${request.id}`,
    `sign-bytes  ${toHex(signBytes.ofRequest(request))}`,
    `request     ${toHex(request.bytes)}`,
    `batch       ${batch.digest}`,
    `sign-bytes  ${toHex(signBytes.ofMessage(signed.message))}`,
    `frame       ${toHex(encodeFrame({ kind: "commit", signed }))}`,
    `sign-bytes  ${toHex(signBytes.ofReceipt(roots))}`,
    `frame       ${toHex(encodeFrame(receipt))}`,
  ];
  for (const line of lines) expect(page).toContain(`${line}\n`);
  expect(page).toContain(`\`${key.publicKey}\``);
  expect(page).toContain(`\`${emptyBatchDigest}\``);
});
