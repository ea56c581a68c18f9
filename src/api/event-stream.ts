/**
 * Server-sent events. Feeds are read, not pushed: what a client has not taken yet stays where it is kept, and a client costs this node one
 * page of text at a time. One that takes nothing for too long is told so and let go.
 */
import type { ServerResponse } from "node:http";
import type { Turns } from "./turns.ts";

/** The last event of a stream: why the node ends it. */
export interface StreamEnd {
  readonly code: "too_slow" | "gone" | "stopping";
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a client is to be told, as text in the form of server-sent events. */
export interface EventFeed {
  /** The next part; empty when there is nothing yet. `end`: nothing follows. */
  read(): { readonly text: string; readonly more: boolean; readonly end?: StreamEnd };
  /** how far the client has been told: an id to resume at, said with each heartbeat so that it stays young on a quiet stream */
  id(): string;
  /** Calls `wake` when there may be more to read. @returns what ends that */
  subscribe(wake: () => void): () => void;
}

export interface StreamLimits {
  /** streams at once; more are refused as `overloaded` */
  readonly maxStreams: number;
  /** a comment is sent after so long without anything else */
  readonly heartbeatMs: number;
  /** a client that has not taken what it was sent for so long is let go */
  readonly slowMs: number;
}

export const defaultStreamLimits: StreamLimits = { maxStreams: 256, heartbeatMs: 10_000, slowMs: 20_000 };

export interface Streams {
  readonly full: boolean;
  /** Sends the feed until the client leaves or it ends; the head of the answer was written already. */
  serve(outgoing: ServerResponse, feed: EventFeed): void;
  /** Ends all with a last event. */
  stop(): void;
}

/** One event. JSON has no line breaks, so one `data` line is enough. */
export const eventText = (event: { readonly id?: string; readonly name?: string; readonly data: unknown }): string =>
  `${event.name === undefined ? "" : `event: ${event.name}\n`}${event.id === undefined ? "" : `id: ${event.id}\n`}data: ${JSON.stringify(event.data)}\n\n`;

/** An id without an event: the client resumes after it. */
export const idText = (id: string): string => `id: ${id}\n\n`;

const endText = ({ code, message, details }: StreamEnd): string => eventText({ name: "end", data: { ...details, code, message } });
const tooSlow: StreamEnd = { code: "too_slow", message: "this client did not take what it was sent; it may resume with Last-Event-ID" };
const stopping: StreamEnd = { code: "stopping", message: "this node is stopping; another one may go on with Last-Event-ID" };
/** for the last event to leave towards a client that reads again */
const graceMs = 1_000;

/** @param turn waited for before each part is made: hundreds of watchers are told of the same change at once */
export const createStreams = (limits: StreamLimits, turn: Turns): Streams => {
  /** bounded by `maxStreams`: each entry ends one stream */
  const open = new Set<(end: StreamEnd) => void>();
  let stopped = false;

  const serve = (outgoing: ServerResponse, feed: EventFeed): void => {
    let state: "idle" | "scheduled" | "blocked" | "over" = "idle";
    let timer: NodeJS.Timeout | undefined;
    const wait = (milliseconds: number, then: () => void): void => {
      clearTimeout(timer);
      timer = setTimeout(then, milliseconds);
    };
    const leave = (): void => {
      state = "over";
      clearTimeout(timer);
      unsubscribe();
      open.delete(end);
    };
    const end = (reason: StreamEnd): void => {
      if (state === "over") return;
      leave();
      outgoing.end(endText(reason));
      setTimeout(() => outgoing.destroy(), graceMs).unref();
    };
    const write = (text: string): void => {
      if (outgoing.write(text)) return wait(limits.heartbeatMs, beat);
      state = "blocked";
      wait(limits.slowMs, () => end(tooSlow));
    };
    const beat = (): void => write(`: heartbeat\n${idText(feed.id())}`);
    const pump = (): void => {
      if (state !== "scheduled") return;
      state = "idle";
      const { text, more, end: last } = feed.read();
      if (text !== "") write(text);
      if (last !== undefined) return end(last);
      if (more) schedule();
    };
    /** a turn of the event loop between two parts: others wait too */
    function schedule(): void {
      if (state !== "idle") return;
      state = "scheduled";
      void turn().then(pump);
    }
    const unsubscribe = feed.subscribe(schedule);
    open.add(end);
    outgoing.on("drain", () => {
      if (state !== "blocked") return;
      state = "idle";
      wait(limits.heartbeatMs, beat);
      schedule();
    });
    outgoing.once("close", leave);
    if (stopped) return end(stopping);
    write(idText(feed.id()));
    schedule();
  };

  return {
    get full() {
      return open.size >= limits.maxStreams;
    },
    serve,
    stop() {
      stopped = true;
      for (const end of open) end(stopping);
    },
  };
};
