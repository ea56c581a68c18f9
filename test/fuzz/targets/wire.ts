/** Bytes into every decoder: it refuses or decodes to what encodes to the same bytes; it never throws, stalls, or takes more than it was given. */
import { hexOf, withinMemory } from "../target.ts";
import type { Target } from "../target.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { createDecoders } from "./decoders.ts";
import type { Decoder } from "./decoders.ts";

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** The same bytes amid others: a decoder must see neither what is before nor what is behind. */
const surrounded = (random: Random, bytes: Uint8Array): Uint8Array => {
  const before = random.int(9);
  const memory = new Uint8Array(before + bytes.length + random.int(9)).fill(random.pick([0, 1, 255]));
  memory.set(bytes, before);
  return memory.subarray(before, before + bytes.length);
};

const judge = (decoder: Decoder, bytes: Uint8Array): void => {
  const untouched = new Uint8Array(bytes);
  const again = withinMemory(bytes.length, () => decoder.again(bytes));
  if (!isEqual(bytes, untouched)) throw new Error(`${decoder.name}: decoding changed its input`);
  if (again !== undefined && !isEqual(again, bytes)) throw new Error(`${decoder.name}: decodes, yet encodes to ${hexOf(again)}`);
};

export const wire: Target = {
  name: "wire",
  about: "frames, certificates, requests, operations, results, answers, proofs and records of the store",
  open(seed) {
    const decoders = createDecoders(seed);
    const everything = decoders.flatMap(({ samples }) => samples);
    for (const decoder of decoders) {
      for (const sample of decoder.samples) {
        if (decoder.again(sample) === undefined) throw new Error(`${decoder.name}: refuses what its encoder wrote: ${hexOf(sample)}`);
      }
    }
    return {
      next(random) {
        const decoder = random.pick(decoders);
        const others = random.chance(0.7) ? decoder.samples : everything;
        const damaged = mutate(random, random.pick(decoder.samples), others);
        const bytes = random.chance(0.3) ? surrounded(random, damaged) : damaged;
        // what is damage to one layout may be another one's message
        const judges = random.chance(0.05) ? decoders : [decoder];
        return {
          input: () => `${decoder.name} ${hexOf(bytes)}`,
          run: () => {
            for (const each of judges) judge(each, bytes);
          },
        };
      },
    };
  },
};
