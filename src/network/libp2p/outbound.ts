/** One channel towards one peer: opens its stream, opens it again when it is lost, and holds what waits to be written. */
import type { Connection, Stream } from "@libp2p/interface";
import type { Outbox } from "./outbox.ts";
import { createOutbox } from "./outbox.ts";
import type { Shared } from "./shared.ts";

export interface Outbound {
  /** Queues a frame; false when there is no stream or the queue is full. */
  send(frame: Uint8Array): boolean;
  isOpen(): boolean;
  /** Open, and not merely for a moment before the other side refuses it again. */
  isSettled(): boolean;
  queuedBytes(): number;
  /** since when the queue has been too full; undefined while it flows */
  stuckSince(): number | undefined;
  /** Opens the stream if it is wanted, missing and due. */
  openIfDue(): void;
  /** Resets the stream; it is opened again only while it is wanted. */
  abort(reason: string): void;
  /** The connection is gone, and this object with it. */
  close(): void;
}

export interface OutboundInit extends Shared {
  readonly protocol: string;
  /** false while the peer may not be spoken to on this channel */
  readonly wanted: () => boolean;
  readonly connection: () => Connection | undefined;
  readonly maxBytes: () => number;
  readonly mayQueue: (bytes: number) => boolean;
  readonly onQueued: (delta: number) => void;
  /** the stream opened or was lost */
  readonly onChange: () => void;
  /** the peer does not know the protocol */
  readonly onUnsupported: () => void;
}

const openTimeoutMs = 5000;
/** a stream that lived shorter than this was refused rather than lost */
const settledMs = 1000;
/** 100 ms, doubling to 2 s */
const backoff = (failures: number): number => Math.min(2000, 50 * 2 ** Math.min(Math.max(1, failures), 10));

/** The outbound half of a channel, without a stream yet. */
export const createOutbound = (init: OutboundInit): Outbound => {
  const { counters, now } = init;
  const closing = new AbortController();
  let stream: Stream | undefined;
  let outbox: Outbox | undefined;
  let opening = false;
  let failures = 0;
  let nextOpen = 0;
  let openedAt = 0;

  const lost = (which: Stream): void => {
    if (stream !== which) return;
    outbox?.close();
    stream = undefined;
    outbox = undefined;
    failures = now() - openedAt < settledMs ? failures + 1 : 0;
    nextOpen = now() + backoff(failures);
    init.onChange();
  };

  const adopt = (opened: Stream): void => {
    if (closing.signal.aborted || !init.wanted()) {
      opened.abort(new Error("no longer wanted"));
      return;
    }
    if (opened.writeStatus !== "writable") throw new Error("closed at once");
    stream = opened;
    openedAt = now();
    outbox = createOutbox({ ...init, stream: opened });
    opened.addEventListener("close", () => lost(opened));
    counters.streamsOpened += 1;
    init.onChange();
  };

  const open = async (connection: Connection): Promise<void> => {
    opening = true;
    try {
      // on this connection, never by dialling: a peer that refuses us would be dialled in a tight loop
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(openTimeoutMs)]);
      adopt(await connection.newStream(init.protocol, { signal, maxOutboundStreams: 2 }));
    } catch (error) {
      if (closing.signal.aborted) return;
      counters.streamOpenFailures += 1;
      failures += 1;
      nextOpen = now() + backoff(failures);
      if (error instanceof Error && error.name === "UnsupportedProtocolError") init.onUnsupported();
    } finally {
      opening = false;
    }
  };

  return {
    send: (frame) => outbox?.send(frame) ?? false,
    isOpen: () => outbox !== undefined,
    // after a refusal the stream has to prove that it stays
    isSettled: () => outbox !== undefined && (failures === 0 || now() - openedAt >= settledMs),
    queuedBytes: () => outbox?.queuedBytes() ?? 0,
    stuckSince: () => outbox?.stuckSince(),
    openIfDue() {
      if (stream !== undefined || opening || now() < nextOpen || !init.wanted()) return;
      const connection = init.connection();
      if (connection !== undefined) void open(connection);
    },
    abort: (reason) => stream?.abort(new Error(reason)),
    close() {
      closing.abort();
      outbox?.close();
      outbox = undefined;
      stream = undefined;
    },
  };
};
