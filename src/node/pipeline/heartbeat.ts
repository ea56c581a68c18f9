/** Our heartbeat to every peer, at a fixed pace and whenever something in it changed that others wait for (PROTOCOL §3, §10). */
import type { Status } from "../../protocol/messages.ts";
import type { Network } from "../../network/port.ts";
import type { PeerName } from "../../protocol/ids.ts";
import { encodeFrame } from "../../wire/frames.ts";
import type { Clock } from "../clock.ts";

export interface Heartbeat {
  start(): void;
  /** now, to one peer or to all */
  send(to?: PeerName): void;
  stop(): void;
}

export const createHeartbeat = (
  status: () => Status,
  network: Pick<Network, "send" | "peers">,
  clock: Clock,
  everyMs: number,
): Heartbeat => {
  let cancel: (() => void) | undefined;
  const send = (to?: PeerName): void => {
    const frame = encodeFrame(status());
    if (to !== undefined) network.send(to, "sync", frame);
    else for (const { peer } of network.peers()) network.send(peer, "sync", frame);
  };
  const beat = (): void => {
    send();
    cancel = clock.after(everyMs, beat);
  };
  return { start: beat, send, stop: () => cancel?.() };
};
