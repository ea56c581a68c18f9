/** Frames as sockets may bring them: cut anywhere, several at once, and never finished. What one stream leaves behind is not the next one's. */
import type { Stream } from "@libp2p/interface";
import { afterEach, expect, test } from "vitest";
import { connect, protocols, startBare } from "./bare-peer.ts";
import { createCleanup, names, startNode, until } from "./support.ts";

const cleanup = createCleanup();
afterEach(cleanup.run);
const limitMs = 30_000;

const frame = Uint8Array.of(3, 1, 2, 3);
const unfinished = Uint8Array.of(9, 1, 2);

test.each(["consensus", "sync"] as const)(
  "a validator's %s stream may bring frames in any pieces, and end inside of one",
  async (channel) => {
    const node = await startNode(cleanup, 0, { validators: names(2), limits: { gossipGraceMs: 600_000 } });
    const connection = await connect(await startBare(cleanup, 1), node);
    const { frames } = node.recorder;
    const open = (): Promise<Stream> => connection.newStream(protocols[channel]);
    const heard = (count: number, what: string): Promise<number> => until(() => frames.length === count, limitMs, what);

    const first = await open();
    for (const byte of frame) {
      first.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    await heard(1, "a frame byte by byte");
    first.send(Buffer.concat([frame, frame, frame.subarray(0, 2)]));
    await heard(3, "two at once");
    first.send(frame.subarray(2));
    await heard(4, "the rest of a third");

    first.send(unfinished);
    await first.close();
    const second = await open();
    second.send(frame);
    await heard(5, "after an end inside of a frame");

    second.send(unfinished);
    second.abort(new Error("inside of a frame"));
    (await open()).send(frame);
    await heard(6, "after a reset inside of a frame");
    expect(frames.map((each) => [each.channel, ...each.frame])).toEqual(Array.from({ length: 6 }, () => [channel, 1, 2, 3]));
    expect(node.network.counters().blames).toBe(0);
  },
);
