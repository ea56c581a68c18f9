/** Request bodies, bounded each and together. */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Refusal } from "./problem.ts";

export interface BodyReader {
  /**
   * Reads a whole body. Its bytes count until `release` is called with their number.
   *
   * @throws Refusal `too_large` as soon as it is known, `overloaded` when all bodies together would pass `maxTotalBytes` or the server stops
   */
  read(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array>;
  release(bytes: number): void;
  /** Refuses the bodies that are still coming in, and all after them. */
  stop(): void;
}

const tooLarge = (maxBytes: number): Refusal =>
  new Refusal({ code: "too_large", message: `the body is larger than ${maxBytes} bytes`, details: { maxBytes } });
const tooMuch = (): Refusal =>
  new Refusal({ code: "overloaded", message: "this node is receiving too much at once", retryAfterSeconds: 1 });
const stopping = (): Refusal =>
  new Refusal({ code: "overloaded", message: "this node is stopping", hint: "ask another node", retryAfterSeconds: 1 });
const cutOff = (): Refusal => new Refusal({ code: "invalid_request", message: "the body ended early" });

/** Parts that are kept as they came. Each costs some hundred bytes, and may be one byte: a body of such parts would take a hundred times what it counts as. */
const maxLatestParts = 256;

/** @param maxTotalBytes of all bodies that are being received or worked on */
export const createBodyReader = (maxTotalBytes: number): BodyReader => {
  let total = 0;
  let stopped = false;
  /** one entry for each body that is coming in; bounded by the number of connections */
  const coming = new Set<(refusal: Refusal) => void>();

  const read = (incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      const latest: Buffer[] = [];
      let size = 0;
      // it ends once, whatever is still told of it; to take the listeners off one by one would cost more than the rest
      const isOver = (): boolean => !coming.has(refuse);
      const refuse = (refusal: Refusal) => {
        coming.delete(refuse);
        total -= size;
        reject(refusal);
      };
      const onData = (part: Buffer) => {
        if (isOver()) return;
        size += part.length;
        total += part.length;
        if (size > maxBytes) refuse(tooLarge(maxBytes));
        else if (total > maxTotalBytes) refuse(tooMuch());
        else if (latest.push(part) === maxLatestParts) parts.push(Buffer.concat(latest.splice(0)));
      };
      const onEnd = () => {
        if (!coming.delete(refuse)) return;
        parts.push(...latest);
        resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size));
      };
      const onBroken = () => {
        if (!isOver()) refuse(cutOff());
      };
      coming.add(refuse);
      incoming.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken);
    });

  return {
    async read(incoming, maxBytes) {
      if (stopped) throw stopping();
      const declared = Number(incoming.headers["content-length"] ?? 0);
      if (declared > maxBytes) throw tooLarge(maxBytes);
      if (total + declared > maxTotalBytes) throw tooMuch();
      return read(incoming, maxBytes);
    },
    release(bytes) {
      total -= bytes;
    },
    stop() {
      stopped = true;
      for (const refuse of coming) refuse(stopping());
    },
  };
};

/** What a refused body may still send before its connection is cut: enough for a client to read the refusal. */
const maxDiscardedBytes = 4 * 1024 * 1024;

/** Reads on without keeping anything, so that the client gets to read the answer instead of a reset. */
export const discardRest = (incoming: IncomingMessage): void => {
  if (incoming.complete || incoming.destroyed) return;
  let discarded = 0;
  incoming.on("error", () => undefined);
  incoming.on("data", (part: Buffer) => {
    discarded += part.length;
    if (discarded > maxDiscardedBytes) incoming.socket.destroy();
  });
};
