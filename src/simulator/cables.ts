/** Endpoints of a simulated network and the directed cables between them. */
import type { NetworkHandlers } from "../network/port.ts";
import type { PeerName } from "../protocol/ids.ts";

/** An endpoint's process, as the network sees it. */
export interface EndpointProcess {
  /** runs something in the process: later when it is stalled, never when it is gone */
  readonly run: (work: () => void) => void;
  /** a call into the network is about to happen: the moment for a power cut between two effects */
  readonly boundary: () => void;
}

export interface Endpoint {
  readonly number: number;
  readonly peer: PeerName;
  process: EndpointProcess | undefined;
  handlers: NetworkHandlers | undefined;
  /** changes with each process */
  life: number;
  /** frames that left before this are lost */
  lostBefore: number;
  readonly up: Map<PeerName, number>;
  readonly seen: WeakSet<Uint8Array>;
  lastSaid: Uint8Array | undefined;
}

export const createEndpoint = (peer: PeerName, number: number): Endpoint => ({
  number,
  peer,
  process: undefined,
  handlers: undefined,
  life: 0,
  lostBefore: -1,
  up: new Map(),
  seen: new WeakSet(),
  lastSaid: undefined,
});

/** Cuts, clogs and arrival order of directed links. */
export const createCables = (count: number) => {
  const cut = new Uint8Array(count * count);
  const clogged = new Float64Array(count * count);
  const last = new Float64Array(count * count);
  return {
    cut,
    clogged,
    /** when a frame that would arrive at `at` does */
    arrival(link: number, at: number, inOrder: boolean): number {
      let time = Math.max(at, clogged[link] as number);
      if (inOrder) time = Math.max(time, last[link] as number);
      last[link] = time;
      return time;
    },
  };
};
