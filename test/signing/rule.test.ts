/** One verdict on every signature, from both forms of the rule. */
import { describe, expect, it } from "vitest";
import { checkPublicKey, ed25519, verifySignature } from "../../src/signing/ed25519.ts";
import { publicKeyProblem } from "../../src/signing/edwards.ts";
import { createNodeForm } from "../../src/signing/node-form.ts";
import { isPlausible } from "../../src/signing/rule.ts";
import type { Ed25519 } from "../../src/signing/rule.ts";
import { loadSodiumForm } from "../../src/signing/sodium-form.ts";
import { challengeOf, groupOrder as order, hex, mixedKey, secretScalar, signWithMixedKey, toBytes, toNumber } from "./mixed-order.ts";
import { loadVectors } from "./vectors.ts";

const sodium = loadSodiumForm();
const forms: Ed25519[] = sodium === undefined ? [createNodeForm()] : [createNodeForm(), sodium];

const verdict = (form: Ed25519, key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  form.isPublicKey(key) && form.verify(key, message, signature);

/** Encodings of the eight points of small order, and the other encodings that lenient decoders take for them. */
const smallOrder = {
  canonical: [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ],
  other: [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ],
};

/** The public key of the seed of 32 threes plus a point of order 8, 4, 4, 2 and 8: computed with libsodium's point addition. */
const mixedOrder = [
  "46fb8abfcbc7dac11410f606ecea5ebf72c830439f2a6e1a8632c1fb6df2f6ff",
  "b194c90894bf3aa09b4c86457e964fcf8d23c0cd9e1ba2b0b2e257c0a42017fa",
  "3c6b36f76b40c55f64b379ba8169b03072dc3f3261e45d4f4d1da83f5bdfe805",
  "00b6d739d72e3d391516fcc76fa66a9ed6a6d8c5a39c06c9c93eb9eb5378c82e",
  "801815e70ffa607a3956a51f94ba587a587e203b36255974040c54d591c90949",
];

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const seed = new Uint8Array(32).fill(3);
const message = new TextEncoder().encode("agreed");

describe.each(forms)("the strict rule in its $name form", (form) => {
  const key = form.publicKeyOf(seed);
  const signature = form.sign(seed, message);

  it("accepts what it signed, and no other key, message or signature", () => {
    expect(verdict(form, key, message, signature)).toBe(true);
    expect(verdict(form, form.publicKeyOf(new Uint8Array(32)), message, signature)).toBe(false);
    expect(verdict(form, key, new TextEncoder().encode("agreee"), signature)).toBe(false);
    for (let bit = 0; bit < 512; bit++) {
      const changed = signature.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdict(form, key, message, changed)).toBe(false);
    }
  });

  it("takes exact lengths only, without throwing", () => {
    for (const length of [0, 1, 63, 65, 128])
      expect(form.verify(key, message, concat(signature, signature).subarray(0, length))).toBe(false);
    for (const length of [0, 31, 33, 64]) {
      expect(form.isPublicKey(concat(key, key).subarray(0, length))).toBe(false);
      expect(form.verify(concat(key, key).subarray(0, length), message, signature)).toBe(false);
    }
  });

  it("refuses S + L, the other signature that anyone can make of one", () => {
    const other = concat(signature.subarray(0, 32), toBytes(toNumber(signature.subarray(32)) + order));
    expect(verdict(form, key, message, other)).toBe(false);
  });

  it("refuses R = identity, which a key's holder can make and verifiers disagree about", () => {
    const identity = hex("01" + "00".repeat(31));
    const challenge = challengeOf(identity, key, message);
    const crafted = concat(identity, toBytes((challenge * secretScalar(seed)) % order));
    expect(verdict(form, key, message, crafted)).toBe(false);
    // by the rule itself, not by the grace of a library's version: older Node.js accepts it
    expect(isPlausible(key, crafted)).toBe(false);
    expect(isPlausible(key, signature)).toBe(true);
  });

  it("refuses keys of small order in every encoding, whatever the signature", () => {
    for (const encoding of [...smallOrder.canonical, ...smallOrder.other]) {
      expect(form.isPublicKey(hex(encoding))).toBe(false);
      for (const r of smallOrder.canonical) expect(verdict(form, hex(encoding), message, concat(hex(r), new Uint8Array(32)))).toBe(false);
    }
  });

  it("refuses keys with a torsion part", () => {
    for (const mixed of mixedOrder) expect(form.isPublicKey(hex(mixed))).toBe(false);
    const crafted = signWithMixedKey(message);
    expect(form.verify(mixedKey, message, crafted)).toBe(true); // the equation holds: the key is all there is to refuse
    expect(verdict(form, mixedKey, message, crafted)).toBe(false);
  });

  it("refuses points that are not on the curve, and coordinates beyond the field", () => {
    expect(form.isPublicKey(hex("02" + "00".repeat(31)))).toBe(false);
    expect(form.isPublicKey(new Uint8Array(32).fill(255))).toBe(false);
  });
});

describe("a refused key", () => {
  it("is explained", () => {
    expect(publicKeyProblem(ed25519.publicKeyOf(seed))).toBeUndefined();
    expect(checkPublicKey(ed25519.publicKeyOf(seed))).toEqual({ ok: true });
    for (const encoding of smallOrder.canonical) expect(checkPublicKey(hex(encoding))).toEqual({ ok: false, reason: "small-order" });
    for (const encoding of smallOrder.other) expect(checkPublicKey(hex(encoding))).toEqual({ ok: false, reason: "not-canonical" });
    for (const encoding of mixedOrder) expect(checkPublicKey(hex(encoding))).toEqual({ ok: false, reason: "mixed-order" });
    expect(checkPublicKey(hex("02" + "00".repeat(31)))).toEqual({ ok: false, reason: "not-on-curve" });
    expect(checkPublicKey(new Uint8Array(31))).toEqual({ ok: false, reason: "wrong-length" });
  });

  it("makes every signature false", () => {
    const identity = hex("01" + "00".repeat(31));
    expect(verifySignature(identity, message, concat(hex(smallOrder.canonical[4] ?? ""), new Uint8Array(32)))).toBe(false);
    expect(verifySignature(ed25519.publicKeyOf(seed), message, ed25519.sign(seed, message))).toBe(true);
  });
});

interface Case {
  readonly key: string;
  readonly message: Uint8Array;
  readonly signature: string;
  readonly valid: boolean;
}

/** How each file's cases read, and the strict rule's verdict on them: on the first two sets it accepts nothing at all. */
const sets: readonly { readonly file: string; readonly count: number; readonly cases: (parsed: never) => Case[] }[] = [
  {
    file: "ed25519-speccheck.json",
    count: 12,
    cases: (parsed: { cases: { message: string; pub_key: string; signature: string }[] }) =>
      parsed.cases.map((each) => ({ key: each.pub_key, message: hex(each.message), signature: each.signature, valid: false })),
  },
  {
    file: "ed25519-zip215.json",
    count: 196,
    cases: (parsed: { message_utf8: string; cases: { vk_bytes: string; sig_bytes: string }[] }) =>
      parsed.cases.map((each) => ({
        key: each.vk_bytes,
        message: new TextEncoder().encode(parsed.message_utf8),
        signature: each.sig_bytes,
        valid: false,
      })),
  },
  {
    file: "rfc8032-ed25519.json",
    count: 256,
    cases: (parsed: { cases: { pk: string; msg: string; sig: string }[] }) =>
      parsed.cases.map((each) => ({ key: each.pk, message: hex(each.msg), signature: each.sig, valid: true })),
  },
  {
    file: "wycheproof-ed25519.json",
    count: 151,
    cases: (parsed: { testGroups: { publicKey: { pk: string }; tests: { msg: string; sig: string; result: string }[] }[] }) =>
      parsed.testGroups.flatMap((group) =>
        group.tests.map((each) => ({
          key: group.publicKey.pk,
          message: hex(each.msg),
          signature: each.sig,
          valid: each.result === "valid",
        })),
      ),
  },
];

describe.each(sets)("the vectors of $file", ({ file, count, cases }) => {
  const parsed = loadVectors(file);
  const name = parsed === undefined ? "skipped: the file is not on this machine (VECTORS_DIR)" : `get the rule's verdict, all ${count}`;
  it.skipIf(parsed === undefined).each(forms)(`${name}, from the $name form`, (form) => {
    const all = cases(parsed as never);
    expect(all.length).toBe(count);
    const verdicts = all.map((each) => verdict(form, hex(each.key), each.message, hex(each.signature)));
    expect(verdicts).toEqual(all.map((each) => each.valid));
  });
});

describe("signing", () => {
  it("gives the same key and signature in both forms", () => {
    for (const form of forms) {
      expect(form.publicKeyOf(seed)).toEqual(ed25519.publicKeyOf(seed));
      expect(form.sign(seed, message)).toEqual(ed25519.sign(seed, message));
    }
  });
});
