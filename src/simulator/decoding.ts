/** Bytes of a universe are never changed, be they a disk's records or frames that reach several nodes: what they say is read once. */
import { frameDecoders, type FrameDecoders } from "../wire/frames.ts";

/** `decode`, asked once for each piece of memory for as long as somebody holds it. */
export const decodedOnce = <T extends object>(decode: (bytes: Uint8Array) => T): ((bytes: Uint8Array) => T) => {
  const known = new WeakMap<Uint8Array, T>();
  return (bytes) => {
    const before = known.get(bytes);
    if (before !== undefined) return before;
    const value = decode(bytes);
    known.set(bytes, value);
    return value;
  };
};

/** A frame is decoded for the first who gets it; the others get the same message, which nobody may change. */
export const createSharedDecoders = ({ consensus, sync, gossip }: FrameDecoders = frameDecoders): FrameDecoders => ({
  consensus: decodedOnce(consensus),
  sync: decodedOnce(sync),
  gossip: decodedOnce(gossip),
});
