/** A rolling 64-bit hash over everything that happens: equal for equal seeds, on every machine. Not cryptographic. */

export interface Trace {
  /** whole numbers; only their low 32 bits count */
  note(a: number, b: number, c: number): void;
  noteBytes(bytes: Uint8Array): void;
  noteText(text: string): void;
  /** 16 hex characters */
  digest(): string;
}

export const createTrace = (): Trace => {
  let high = 0x811c9dc5 | 0;
  let low = 0x2545f491 | 0;
  const mix = (word: number): void => {
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 13;
    high = (Math.imul(high ^ low, 0xc2b2ae35) + word) | 0;
    high ^= high >>> 16;
  };
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
  return {
    note(a, b, c) {
      mix(a | 0);
      mix(b | 0);
      mix(c | 0);
    },
    noteBytes(bytes) {
      mix(bytes.length);
      for (let index = 0; index < bytes.length; index += 1) mix(bytes[index] as number);
    },
    noteText(text) {
      mix(text.length);
      for (let index = 0; index < text.length; index += 1) mix(text.charCodeAt(index));
    },
    digest: () => hex(high) + hex(low),
  };
};
