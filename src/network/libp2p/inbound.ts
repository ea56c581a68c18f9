/** One inbound stream: the peer writes, we read. Bounds the unfinished frame, and for non-validators its age and the rate. */
import type { Stream } from "@libp2p/interface";
import type { Channel } from "../port.ts";
import { FrameError, createFrameDecoder } from "./frame-decoder.ts";
import type { Shared } from "./shared.ts";

/** Unfinished frames of all non-validators together. */
export interface SharedBudget {
  used: number;
}

export interface InboundStream {
  /** Resets the stream. */
  abort(reason: string): void;
  /** Resets it when a non-validator's frame has been incomplete for too long. */
  checkAge(): void;
}

export interface InboundInit extends Shared {
  readonly stream: Stream;
  readonly channel: Channel;
  readonly trusted: () => boolean;
  readonly partials: SharedBudget;
  /** whether the peer's rate lets one more frame through */
  readonly mayBring: (bytes: number) => boolean;
  readonly onBytes: () => void;
  readonly onFrame: (frame: Uint8Array) => void;
  /** the peer sent what no correct node sends */
  readonly onMalformed: (reason: string) => void;
  readonly onClose: () => void;
}

/** Starts reading; half-closes our direction at once, since nothing is ever written back. */
export const readInbound = (init: InboundInit): InboundStream => {
  const { stream, channel, limits, counters, now, partials } = init;
  const decoder = createFrameDecoder(channel === "consensus" ? limits.maxConsensusFrameBytes : limits.maxSyncFrameBytes);
  let alive = true;
  let partial = 0;
  let partialSince = 0;

  const account = (bytes: number): void => {
    const counted = init.trusted() ? 0 : bytes;
    partials.used += counted - partial;
    if (counted > 0 && partial === 0) partialSince = now();
    partial = counted;
  };
  const abort = (reason: string): void => {
    if (!alive) return;
    alive = false;
    account(0);
    stream.abort(new Error(reason));
  };
  const reset = (reason: string): void => {
    if (!alive) return;
    counters.resetStreams += 1;
    abort(reason);
  };
  const onFrame = (frame: Uint8Array): boolean => {
    // a frame was completed: what follows it is younger
    partialSince = now();
    if (!init.mayBring(frame.byteLength)) return alive;
    counters.framesIn += 1;
    counters.bytesIn += frame.byteLength;
    init.onFrame(frame);
    return alive;
  };

  stream.addEventListener("message", (event) => {
    if (!alive) return;
    init.onBytes();
    try {
      decoder.push(event.data, onFrame);
    } catch (error) {
      const reason = error instanceof FrameError ? error.message : "malformed frame";
      reset(reason);
      init.onMalformed(reason);
      return;
    }
    if (!alive) return;
    account(decoder.partialBytes());
    if (partials.used > limits.strangerPartialBytes) reset("too many unfinished frames of non-validators");
  });
  stream.addEventListener("close", () => {
    alive = false;
    account(0);
    init.onClose();
  });
  stream.close().catch(() => undefined);

  return {
    abort,
    checkAge() {
      if (partial > 0 && now() - partialSince > limits.partialFrameMs) reset("a frame took too long");
    },
  };
};
