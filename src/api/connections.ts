/** The server's connections and what each still owes an answer, so that a stop breaks none of them off. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server } from "node:net";
import type { Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";

export interface Connections {
  /** True when something can be written on this connection without being taken for the answer to another request. */
  mayInterrupt(socket: Duplex): boolean;
  /**
   * A handler is at work from here until the returned function is called. Undefined when `maxWaiting` requests of this connection wait for their
   * answers already: then it is cut, and no handler may begin.
   */
  begin(socket: Duplex): (() => void) | undefined;
  readonly closing: boolean;
  /**
   * Takes no more connections, and after a moment no more questions on idle ones; waits at most `drainMs` for handlers and then `flushMs` for
   * their bytes; cuts what remains.
   */
  close(drainMs: number, flushMs: number): Promise<void>;
}

/** Resolves when `milliseconds` have passed or `stop` was called. */
const pause = (milliseconds: number): { readonly over: Promise<void>; stop(): void } => {
  let finish = () => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    finish = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  return { over, stop: () => finish() };
};

/** A question may be on its way on a connection that looks idle; cut at once, its sender could not tell whether it was heard. */
const idleGraceMs = 25;

/**
 * Requests of one connection that may wait for their answers at once. Node reads on and on while answers are due: each costs it some KiB, and its sender
 * 40 bytes. Browsers and clients send the next request after the answer; nobody sends a hundred ahead.
 */
const maxWaiting = 128;

export const trackConnections = (server: HttpServer): Connections => {
  /** bounded by `server.maxConnections` and `maxWaiting`; an answer is owed until its last byte was handed to the system */
  const owed = new Map<Duplex, Set<ServerResponse>>();
  let handlers = 0;
  let closing = false;
  let onHandlersDone: (() => void) | undefined;
  let onAllGone: (() => void) | undefined;

  server.on("connection", (socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    owed.set(socket, new Set());
    socket.once("close", () => {
      owed.delete(socket);
      if (owed.size === 0) onAllGone?.();
    });
  });
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    const answers = owed.get(socket);
    answers?.add(outgoing);
    const settle = () => {
      answers?.delete(outgoing);
      if (closing && answers?.size === 0) socket.destroySoon();
    };
    // after its last byte as well as when it is cut
    outgoing.once("close", settle);
  });

  return {
    mayInterrupt(socket) {
      // an answer to a request that is still coming in has not begun; any other must not be talked over
      return [...(owed.get(socket) ?? [])].every((answer) => !answer.headersSent && !answer.req.complete);
    },
    begin(socket) {
      // what was read together with the last straw comes after the cut
      if (socket.destroyed || (owed.get(socket)?.size ?? 0) > maxWaiting) {
        socket.destroy();
        return undefined;
      }
      handlers += 1;
      return () => {
        handlers -= 1;
        if (handlers === 0) onHandlersDone?.();
      };
    },
    get closing() {
      return closing;
    },
    async close(drainMs, flushMs) {
      closing = true;
      // not the HTTP server's own `close`, which also destroys connections whose answer is written but not sent
      Server.prototype.close.call(server);
      const done = new Promise<void>((resolve) => {
        onHandlersDone = resolve;
        if (handlers === 0) resolve();
      });
      const gone = new Promise<void>((resolve) => {
        onAllGone = resolve;
        if (owed.size === 0) resolve();
      });
      await pause(idleGraceMs).over;
      for (const [socket, answers] of owed) if (answers.size === 0) socket.destroy();
      const drain = pause(drainMs);
      await Promise.race([done, drain.over]);
      drain.stop();
      const flush = pause(flushMs);
      await Promise.race([gone, flush.over]);
      flush.stop();
      for (const socket of owed.keys()) socket.destroy();
      await gone;
      // it listens no more; this ends its inner timers
      server.close(() => undefined);
    },
  };
};
