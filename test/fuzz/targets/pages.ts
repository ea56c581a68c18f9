/** Pages of the state's tree, as bytes and back. */
import { createPage, decodePage, encodePage, pageBytes, setSlot, slotsPerPage } from "../../../src/ledger/state/page.ts";
import type { Page } from "../../../src/ledger/state/page.ts";
import type { RawHash } from "../../../src/ledger/state/hashing.ts";
import { createRandom } from "../random.ts";

export const bytesToRaw = (bytes: Uint8Array): RawHash => Buffer.from(bytes).toString("latin1") as RawHash;

/** Pages with empty slots, children and one to four leaves. */
export const samplePages = (seed: number, count: number): Page[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const page = createPage(1);
    for (let index = 0; index < slotsPerPage; index++) {
      const hash = bytesToRaw(random.bytes(32));
      const kind = random.int(3);
      if (kind === 1) setSlot(page, index, { hash, leaves: undefined });
      if (kind !== 2) continue;
      const leaves = Array.from({ length: random.between(1, 4) }, () => ({
        key: bytesToRaw(random.bytes(random.int(40))) as string,
        hash: bytesToRaw(random.bytes(32)),
      }));
      setSlot(page, index, { hash: leaves.length === 1 ? (leaves[0]?.hash ?? hash) : hash, leaves });
    }
    return page;
  });
};

export const encodeTreePage = (page: Page): Uint8Array => {
  const bytes = Buffer.alloc(pageBytes(page));
  encodePage(page, bytes, 0);
  return bytes;
};

export const decodeTreePage = (bytes: Uint8Array): Page | undefined =>
  decodePage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, 1);
