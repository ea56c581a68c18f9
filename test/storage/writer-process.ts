/** A process to be killed: writes durably, several writes at once, and says on stdout which were acknowledged. `node writer-process.ts FOLDER` */
import { openLevelStore } from "../../src/storage/level.ts";

const store = await openLevelStore(process.argv[2] as string, { writeBufferBytes: 256 * 1024 });
let next = Number(new TextDecoder().decode(store.get(new TextEncoder().encode("last")) ?? new TextEncoder().encode("0")));

const writeNext = (): void => {
  next++;
  const number = next;
  const text = new TextEncoder().encode(String(number));
  const key = new TextEncoder().encode(`key ${number}`);
  store.write(
    [
      { type: "put", key, value: new Uint8Array(500 + (number % 40_000)).fill(number % 251) },
      { type: "put", key: new TextEncoder().encode("last"), value: text },
    ],
    { durable: true },
    (error) => {
      if (error !== undefined) throw error;
      process.stdout.write(`${number}\n`);
      writeNext();
    },
  );
};
for (let index = 0; index < 4; index++) writeNext();
