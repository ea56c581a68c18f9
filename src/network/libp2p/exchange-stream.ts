/** One frame each way on a stream of its own: how clients ask and nodes answer. */
import type { Stream } from "@libp2p/interface";
import { createFrameDecoder, prefixLength, writePrefix } from "./frame-decoder.ts";

/** What was thrown, as an Error: libp2p rejects with the mere event when a stream closes under who waits for it. */
export const toError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error("the stream was closed", { cause }));

/** Writes one frame and ends our direction. Resolves once it is handed over. */
export const writeFrame = async (stream: Stream, frame: Uint8Array, signal: AbortSignal): Promise<void> => {
  const prefix = prefixLength(frame.byteLength);
  const bytes = new Uint8Array(prefix + frame.byteLength);
  writePrefix(bytes, 0, frame.byteLength);
  bytes.set(frame, prefix);
  if (!stream.send(bytes)) await stream.onDrain({ signal });
  await stream.close({ signal });
};

/** The one frame that the other side writes. @throws Error when it is malformed, too large, late, or does not come */
export const readFrame = (stream: Stream, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const decoder = createFrameDecoder(maxBytes);
    const finish = (settle: () => void): void => {
      stream.removeEventListener("message", onMessage);
      stream.removeEventListener("remoteCloseWrite", onEnd);
      stream.removeEventListener("close", onEnd);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onMessage = (event: { readonly data: Uint8Array | Iterable<Uint8Array> }): void => {
      try {
        decoder.push(event.data, (frame) => {
          finish(() => resolve(frame));
          return false;
        });
      } catch (error) {
        finish(() => reject(error as Error));
      }
    };
    const onEnd = (): void => finish(() => reject(new Error("the stream ended without an answer")));
    const onAbort = (): void => finish(() => reject(new Error("no whole frame came in time")));
    if (signal.aborted) return reject(new Error("no whole frame came in time"));
    signal.addEventListener("abort", onAbort, { once: true });
    stream.addEventListener("close", onEnd);
    stream.addEventListener("remoteCloseWrite", onEnd);
    stream.addEventListener("message", onMessage);
  });
