/**
 * What waits to be written to one stream. Frames of one turn of the event loop leave in one `send`: each `send` is a muxer frame, a Noise
 * message and a system call, and sharing them is four times cheaper per frame. A stream that asks to
 * wait gets no further write until it drains, so the bound on waiting bytes is ours and not the stream's (whose own buffer has none).
 */
import type { Stream } from "@libp2p/interface";
import { prefixLength, writePrefix } from "./frame-decoder.ts";
import type { Shared } from "./shared.ts";

export interface Outbox {
  /** False when the frame was not taken: the stream is gone or too many bytes wait. The bytes must not be changed afterwards. */
  send(frame: Uint8Array): boolean;
  queuedBytes(): number;
  /** since when frames have been dropped without the queue falling below half its bound; undefined when it flows */
  stuckSince(): number | undefined;
  /** Drops what waits. */
  close(): void;
}

export interface OutboxInit extends Shared {
  readonly stream: Stream;
  /** bytes that may wait; an empty queue takes any one frame */
  readonly maxBytes: () => number;
  /** asked before each frame is queued; false drops it (a budget shared with other queues) */
  readonly mayQueue: (bytes: number) => boolean;
  /** told of every change of the bytes that wait */
  readonly onQueued: (delta: number) => void;
}

/** frames up to this size are copied into a shared buffer; larger ones are written on their own */
const smallFrameBytes = 16 * 1024;
/** bytes of one shared write: fits in a Noise message */
const sharedWriteBytes = 60 * 1024;

/** The outbox of one open outbound stream. */
export const createOutbox = ({ stream, maxBytes, mayQueue, onQueued, counters, now }: OutboxInit): Outbox => {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let reported = 0;
  let scheduled = false;
  let closed = false;
  let stuck: number | undefined;

  const queuedBytes = (): number => waitingBytes + (closed ? 0 : stream.writeBufferLength);

  const report = (): void => {
    const bytes = queuedBytes();
    if (bytes !== reported) onQueued(bytes - reported);
    reported = bytes;
    if (stuck !== undefined && bytes * 2 < maxBytes()) stuck = undefined;
  };

  /** The frames from `first` on that fit in one write. */
  const gather = (first: number): { readonly bytes: Uint8Array; readonly next: number } => {
    let size = 0;
    let next = first;
    for (; next < waiting.length; next += 1) {
      const length = waiting[next]?.byteLength ?? 0;
      const whole = prefixLength(length) + length;
      if (next > first && (length > smallFrameBytes || size + whole > sharedWriteBytes)) break;
      size += whole;
      if (length > smallFrameBytes) {
        next += 1;
        break;
      }
    }
    const bytes = size > 4096 ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
    let offset = 0;
    for (const frame of waiting.slice(first, next)) {
      offset = writePrefix(bytes, offset, frame.byteLength);
      bytes.set(frame, offset);
      offset += frame.byteLength;
    }
    return { bytes, next };
  };

  const flush = (): void => {
    let done = 0;
    try {
      while (!closed && done < waiting.length && stream.writeStatus === "writable" && !stream.writableNeedsDrain) {
        const { bytes, next } = gather(done);
        for (; done < next; done += 1) {
          const length = waiting[done]?.byteLength ?? 0;
          waitingBytes -= length;
          counters.bytesOut += length;
          counters.framesOut += 1;
        }
        counters.streamWrites += 1;
        stream.send(bytes);
      }
    } catch {
      // The stream closed between two checks; its `close` event brings a new one and the frames count as lost with it.
    }
    if (done > 0) waiting = done === waiting.length ? [] : waiting.slice(done);
    report();
  };

  stream.addEventListener("drain", flush);
  stream.addEventListener("idle", report);

  return {
    send(frame) {
      if (closed || stream.writeStatus !== "writable") return false;
      const bytes = queuedBytes();
      if ((bytes > 0 && bytes + frame.byteLength > maxBytes()) || !mayQueue(frame.byteLength)) {
        counters.droppedQueueFull += 1;
        stuck ??= now();
        return false;
      }
      waiting.push(frame);
      waitingBytes += frame.byteLength;
      report();
      if (!scheduled) {
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          flush();
        });
      }
      return true;
    },
    queuedBytes,
    stuckSince: () => stuck,
    close() {
      if (closed) return;
      counters.droppedWithStream += waiting.length;
      waiting = [];
      waitingBytes = 0;
      closed = true;
      stream.removeEventListener("drain", flush);
      stream.removeEventListener("idle", report);
      report();
    },
  };
};
