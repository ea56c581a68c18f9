/** One signature to check, and the packing of many into a job for a verification worker. */
import { asBuffer } from "../wire/bytes.ts";
import type { Ed25519 } from "./rule.ts";

export interface SignatureCheck {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** the sign-bytes, at most `maxSignBytes` */
  readonly message: Uint8Array;
  /** 64 bytes */
  readonly signature: Uint8Array;
  /** the key passed step 2 of the rule before; else it is checked along with the signature */
  readonly keyIsGood: boolean;
}

/** The whole strict rule for one signature. */
export const checkSignature = (form: Ed25519, check: SignatureCheck): boolean =>
  (check.keyIsGood || form.isPublicKey(check.publicKey)) && form.verify(check.publicKey, check.message, check.signature);

const headBytes = 2;
const entryBytes = 1 + 2 + 32 + 64;

/** count u16 ‖ (keyIsGood u8 ‖ length u16 ‖ key[32] ‖ signature[64] ‖ message)*, in memory of its own that can be transferred */
export const packJob = (checks: readonly SignatureCheck[]): ArrayBuffer => {
  let size = headBytes;
  for (const { message } of checks) size += entryBytes + message.length;
  const memory = new ArrayBuffer(size);
  const bytes = asBuffer(new Uint8Array(memory));
  let offset = bytes.writeUInt16BE(checks.length, 0);
  for (const { publicKey, message, signature, keyIsGood } of checks) {
    offset = bytes.writeUInt8(keyIsGood ? 1 : 0, offset);
    offset = bytes.writeUInt16BE(message.length, offset);
    bytes.set(publicKey, offset);
    bytes.set(signature, offset + 32);
    bytes.set(message, offset + 96);
    offset += 96 + message.length;
  }
  return memory;
};

/** Checks a packed job and writes the verdicts (1 or 0) over its first bytes, so that the same memory travels back. */
export const runJob = (form: Ed25519, memory: ArrayBuffer): void => {
  const bytes = asBuffer(new Uint8Array(memory));
  const count = bytes.readUInt16BE(0);
  const verdicts = new Uint8Array(count);
  let offset = headBytes;
  for (let index = 0; index < count; index++) {
    const length = bytes.readUInt16BE(offset + 1);
    const keyIsGood = bytes.readUInt8(offset) === 1;
    const key = offset + 3;
    verdicts[index] = checkSignature(form, {
      keyIsGood,
      publicKey: bytes.subarray(key, key + 32),
      signature: bytes.subarray(key + 32, key + 96),
      message: bytes.subarray(key + 96, key + 96 + length),
    })
      ? 1
      : 0;
    offset = key + 96 + length;
  }
  bytes.set(verdicts, 0);
};

/** The verdicts of a job that `runJob` is done with. */
export const verdictsOf = (memory: ArrayBuffer, count: number): boolean[] =>
  Array.from(new Uint8Array(memory, 0, count), (verdict) => verdict === 1);
