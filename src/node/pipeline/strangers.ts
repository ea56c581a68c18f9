/**
 * What is done for those who are no validators: what the network lets through, one message of each after the other, and for all of them together a quarter of
 * the time at most, since a short question can be long to answer. Nothing while memory is short: they can ask another node.
 */
import type { Turns } from "../../api/turns.ts";
import type { NetworkHandlers } from "../../network/port.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Counters } from "../counters.ts";

type Handlers = Pick<NetworkHandlers, "onFrame" | "onGossip">;

/** messages of one of them that wait for their turn, and their bytes, of which the first may have more; and the bytes of all. What comes beyond is dropped and counted */
const maxMessages = 64;
const maxBytes = 2 * 1024 * 1024;
const maxBytesOfAll = 32 * 1024 * 1024;
/** for each millisecond that goes into them so many for everything else */
export const restFromStrangers = 3;

interface Message {
  readonly bytes: number;
  readonly handle: () => void;
}

interface Queue {
  readonly messages: Message[];
  bytes: number;
}

export interface StrangersOptions {
  readonly committee: Committee;
  /** memory is short */
  readonly exhausted: () => boolean;
  readonly counters: Pick<Counters, "count">;
  /** that they all share */
  readonly turn: Turns;
}

/** Those whose frames wait, who was served longest ago first. As many as are connected, whose number the network bounds. */
const createQueues = () => {
  const queues = new Map<PeerName, Queue>();
  let bytesOfAll = 0;
  return {
    isEmpty: () => queues.size === 0,
    /** @returns false when there is no room */
    add(from: PeerName, message: Message): boolean {
      const queue = queues.get(from) ?? { messages: [], bytes: 0 };
      const bytes = queue.bytes + message.bytes;
      const isOver = queue.messages.length >= maxMessages || (queue.messages.length > 0 && bytes > maxBytes);
      if (isOver || bytesOfAll + message.bytes > maxBytesOfAll) return false;
      queue.messages.push(message);
      queue.bytes = bytes;
      bytesOfAll += message.bytes;
      queues.set(from, queue);
      return true;
    },
    take(): Message | undefined {
      for (const [from, queue] of queues) {
        queues.delete(from);
        const message = queue.messages.shift();
        if (message === undefined) continue;
        queue.bytes -= message.bytes;
        bytesOfAll -= message.bytes;
        if (queue.messages.length > 0) queues.set(from, queue);
        return message;
      }
      return undefined;
    },
  };
};

/** @returns `handlers` at once for validators, and in turns for everybody else; what is dropped is counted */
export const boundStrangers = (handlers: Handlers, options: StrangersOptions): Handlers => {
  const { committee, exhausted, counters, turn } = options;
  const known = new Set<PeerName>(committee.validators.map(({ peer }) => peer));
  const queues = createQueues();
  let isServing = false;

  const serve = async (): Promise<void> => {
    isServing = true;
    while (!queues.isEmpty()) {
      await turn();
      queues.take()?.handle();
    }
    isServing = false;
  };
  const queue = (from: PeerName, message: Message): boolean => {
    const isShort = exhausted();
    const isTaken = !isShort && queues.add(from, message);
    if (!isTaken) counters.count(isShort ? "dropped.short-of-memory" : "dropped.strangers-backlog");
    else if (!isServing) void serve();
    return isTaken;
  };

  return {
    onFrame(from, channel, frame) {
      const handle = (): void => handlers.onFrame(from, channel, frame);
      if (known.has(from)) handle();
      else queue(from, { bytes: frame.byteLength, handle });
    },
    onGossip(from, data, verdict) {
      const handle = (): void => handlers.onGossip(from, data, verdict);
      if (known.has(from)) handle();
      else if (!queue(from, { bytes: data.byteLength, handle })) verdict("ignore");
    },
  };
};
