/** The server's connections and what each still owes an answer, so that a stop breaks none of them off. */
import type { ServerResponse } from "node:http";
import { Server, type Socket } from "node:net";
import type { Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";
import type { ApiLimits } from "./limits.ts";

export interface Connections {
  /** True when something can be written on this connection without being taken for the answer to another request. */
  mayInterrupt(socket: Duplex): boolean;
  /**
   * Calls `handle`, which never rejects, when the answers to the connection's earlier requests are gone: one answer at a time is made for, and waits for, whoever
   * sends ahead. Those of `abreast` requests are made together, up to 16. Cuts the connection where `maxWaiting` of its requests wait already.
   */
  take(outgoing: ServerResponse, abreast: boolean, handle: Handle): void;
  readonly closing: boolean;
  /**
   * Takes no more connections, and after a moment no more questions on idle ones; waits at most `drainMs` for handlers and then `flushMs` for
   * their bytes; cuts what remains.
   */
  close(drainMs: number, flushMs: number): Promise<void>;
}

/** @param owes told how many bytes were handed to the connection, where they wait for as long as the client does not take them */
export type Handle = (owes: (bytes: number) => void) => Promise<void>;

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

/** requests of one connection whose answers are made together, where no order among them is asked for */
const maxAbreast = 16;

interface Waiting {
  readonly begin: () => void;
  readonly abreast: boolean;
}

interface Tracked {
  /** bounded by `maxWaiting`; an answer is owed until its last byte was handed to the system. With the bytes that wait to be taken */
  readonly answers: Map<ServerResponse, number>;
  /** requests that wait for the answers before theirs */
  readonly queue: Waiting[];
  /** requests that have begun and whose answers are owed; one that is not abreast is alone */
  begun: number;
  alone: boolean;
}

/** Bytes that wait for clients to take them, who has taken nothing for longest first; one entry for each connection that has such an answer. */
const createAnswers = (maxBytes: number) => {
  const waiting = new Map<Duplex, number>();
  let total = 0;
  const taken = (socket: Duplex, bytes = waiting.get(socket) ?? 0): void => {
    const left = (waiting.get(socket) ?? 0) - bytes;
    total -= bytes;
    waiting.delete(socket);
    if (left > 0) waiting.set(socket, left);
  };
  return {
    taken,
    wait(socket: Duplex, bytes: number): void {
      waiting.set(socket, (waiting.get(socket) ?? 0) + bytes);
      total += bytes;
      for (const oldest of waiting.keys()) {
        if (total <= maxBytes || oldest === socket) return;
        taken(oldest);
        oldest.destroy();
      }
    },
  };
};

export const trackConnections = (
  server: HttpServer,
  { maxConnections, maxAnswersBytes }: Pick<ApiLimits, "maxConnections" | "maxAnswersBytes">,
): Connections => {
  /** bounded by `maxConnections` */
  const owed = new Map<Duplex, Tracked>();
  /** those of them without a request, the longest first */
  const idle = new Set<Duplex>();
  const answersWaiting = createAnswers(maxAnswersBytes);
  let handlers = 0;
  let closing = false;
  let onHandlersDone: (() => void) | undefined;
  let onAllGone: (() => void) | undefined;

  const ended = (count: number): void => {
    handlers -= count;
    if (handlers === 0) onHandlersDone?.();
  };
  const forget = (socket: Duplex): void => {
    const dropped = owed.get(socket)?.queue.splice(0).length ?? 0;
    owed.delete(socket);
    idle.delete(socket);
    answersWaiting.taken(socket);
    if (dropped > 0) ended(dropped);
    if (owed.size === 0) onAllGone?.();
  };

  server.on("connection", (socket) => {
    const longest: Duplex | undefined = owed.size < maxConnections ? undefined : idle.values().next().value;
    if (closing || (owed.size >= maxConnections && longest === undefined)) {
      socket.destroy();
      return;
    }
    if (longest !== undefined) {
      forget(longest);
      longest.destroy();
    }
    owed.set(socket, { answers: new Map(), queue: [], begun: 0, alone: false });
    idle.add(socket);
    socket.once("close", () => forget(socket));
  });
  const beginNext = (tracked: Tracked): void => {
    const { queue } = tracked;
    for (let [next] = queue; next !== undefined; [next] = queue) {
      if (tracked.begun > 0 && (tracked.alone || !next.abreast || tracked.begun === maxAbreast)) return;
      tracked.begun += 1;
      tracked.alone = !next.abreast;
      queue.shift();
      next.begin();
    }
  };

  /** An answer is owed until its last byte was handed to the system. */
  const owe = (socket: Socket, tracked: Tracked, outgoing: ServerResponse): void => {
    const { answers } = tracked;
    answers.set(outgoing, 0);
    idle.delete(socket);
    // after its last byte as well as when it is cut
    outgoing.once("close", () => {
      const bytes = answers.get(outgoing);
      answers.delete(outgoing);
      if (!owed.has(socket)) return;
      answersWaiting.taken(socket, bytes);
      if (answers.size === 0) idle.add(socket);
      if (closing && answers.size === 0) socket.destroySoon();
      tracked.begun -= 1;
      if (!socket.destroyed) beginNext(tracked);
    });
  };

  return {
    mayInterrupt(socket) {
      // an answer to a request that is still coming in has not begun; any other must not be talked over
      return [...(owed.get(socket)?.answers.keys() ?? [])].every((answer) => !answer.headersSent && !answer.req.complete);
    },
    take(outgoing, abreast, handle) {
      const { socket } = outgoing.req;
      const tracked = owed.get(socket);
      if (tracked !== undefined) owe(socket, tracked, outgoing);
      // what was read together with the last straw comes after the cut
      if (tracked === undefined || socket.destroyed || tracked.answers.size > maxWaiting) {
        socket.destroy();
        return;
      }
      handlers += 1;
      const owes = (bytes: number): void => {
        if (!tracked.answers.has(outgoing)) return;
        tracked.answers.set(outgoing, bytes);
        answersWaiting.wait(socket, bytes);
      };
      tracked.queue.push({ abreast, begin: () => void handle(owes).finally(() => ended(1)) });
      beginNext(tracked);
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
      for (const [socket, { answers }] of owed) if (answers.size === 0) socket.destroy();
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
