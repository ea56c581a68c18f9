/**
 * What is done for those who are no validators: what the network lets through, one frame after the other of each in turn, and for all of them together a quarter of
 * the time at most, since a short question can be long to answer. Nothing while memory is short: they can ask another node.
 */
import { createTurns, type Turns } from "../../api/turns.ts";
import type { Channel, NetworkHandlers } from "../../network/port.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Counters } from "../counters.ts";

type OnFrame = NetworkHandlers["onFrame"];

/** frames of one of them that wait for their turn, and their bytes, of which the first may have more; and the bytes of all. What comes beyond is dropped and counted */
const maxFrames = 64;
const maxBytes = 2 * 1024 * 1024;
const maxBytesOfAll = 32 * 1024 * 1024;
/** for each millisecond that goes into them three for everything else */
const rest = 3;

interface Frame {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

interface Queue {
  readonly frames: Frame[];
  bytes: number;
}

export interface StrangersOptions {
  readonly committee: Committee;
  /** memory is short */
  readonly exhausted: () => boolean;
  readonly counters: Pick<Counters, "count">;
  readonly turn?: Turns;
}

/** Those whose frames wait, who was served longest ago first. As many as are connected, whose number the network bounds. */
const createQueues = () => {
  const queues = new Map<PeerName, Queue>();
  let bytesOfAll = 0;
  return {
    isEmpty: () => queues.size === 0,
    /** @returns false when there is no room */
    add(from: PeerName, frame: Frame): boolean {
      const queue = queues.get(from) ?? { frames: [], bytes: 0 };
      const bytes = queue.bytes + frame.bytes.byteLength;
      const isOver = queue.frames.length >= maxFrames || (queue.frames.length > 0 && bytes > maxBytes);
      if (isOver || bytesOfAll + frame.bytes.byteLength > maxBytesOfAll) return false;
      queue.frames.push(frame);
      queue.bytes = bytes;
      bytesOfAll += frame.bytes.byteLength;
      queues.set(from, queue);
      return true;
    },
    take(): readonly [PeerName, Frame] | undefined {
      for (const [from, queue] of queues) {
        queues.delete(from);
        const frame = queue.frames.shift();
        if (frame === undefined) continue;
        queue.bytes -= frame.bytes.byteLength;
        bytesOfAll -= frame.bytes.byteLength;
        if (queue.frames.length > 0) queues.set(from, queue);
        return [from, frame];
      }
      return undefined;
    },
  };
};

/** @returns `onFrame` at once for validators, and in turns for everybody else; what is dropped is counted */
export const boundStrangers = (onFrame: OnFrame, options: StrangersOptions): OnFrame => {
  const { committee, exhausted, counters, turn = createTurns({ rest }) } = options;
  const known = new Set<PeerName>(committee.validators.map(({ peer }) => peer));
  const queues = createQueues();
  let isServing = false;

  const serve = async (): Promise<void> => {
    isServing = true;
    while (!queues.isEmpty()) {
      await turn();
      const next = queues.take();
      if (next !== undefined) onFrame(next[0], next[1].channel, next[1].bytes);
    }
    isServing = false;
  };

  return (from, channel, bytes) => {
    if (known.has(from)) return onFrame(from, channel, bytes);
    if (exhausted()) return counters.count("dropped.short-of-memory");
    if (!queues.add(from, { channel, bytes })) return counters.count("dropped.strangers-backlog");
    if (!isServing) void serve();
  };
};
