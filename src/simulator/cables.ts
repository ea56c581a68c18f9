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
  /** peers that will be looked at soon: once is enough */
  readonly noticing: Set<PeerName>;
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
  noticing: new Set(),
  seen: new WeakSet(),
  lastSaid: undefined,
});

/** Cuts, clogs, delays and arrival order of directed links. */
export const createCables = (count: number) => {
  const cut = new Uint8Array(count * count);
  const clogged = new Float64Array(count * count);
  const last = new Float64Array(count * count);
  /** by endpoint: what its frames take longer, and until when */
  const slow = new Float64Array(count);
  const slowUntil = new Float64Array(count);
  /** by link: what every frame takes longer */
  const lag = new Float64Array(count * count);
  /** by kind of message: until when it is lost */
  const lostUntil = new Map<number, number>();
  /** what a scenario may do to cables besides cutting them */
  const troubles = {
    clog: (from: number, to: number, until: number): void => void (clogged[from * count + to] = until),
    lag: (from: number, to: number, byUs: number): void => void (lag[from * count + to] = byUs),
    slow(endpoint: number, byUs: number, until: number): void {
      slow[endpoint] = byUs;
      slowUntil[endpoint] = until;
    },
    loseKind: (kind: number, until: number): void => void lostUntil.set(kind, until),
  };
  return {
    cut,
    troubles,
    heal(): void {
      cut.fill(0);
      clogged.fill(0);
      slowUntil.fill(0);
      lostUntil.clear();
    },
    losesKind: (kind: number, now: number): boolean => lostUntil.size > 0 && (lostUntil.get(kind) ?? 0) > now,
    /** when a frame that leaves now and would take `delay` arrives */
    arrival(from: number, to: number, now: number, delay: number, inOrder: boolean): Arrival {
      const link = from * count + to;
      const laggard = (slowUntil[from] as number) > now ? from : to;
      const straight = now + delay + (lag[link] as number) + ((slowUntil[laggard] as number) > now ? (slow[laggard] as number) : 0);
      const open = clogged[link] as number;
      const before = last[link] as number;
      const at = Math.max(straight, open, inOrder ? before : 0);
      last[link] = inOrder ? at : Math.max(at, before);
      return { at, clogged: open > straight, overtakes: at < before };
    },
  };
};

export interface Arrival {
  /** virtual microseconds */
  readonly at: number;
  /** held up by a clog */
  readonly clogged: boolean;
  /** arrives before one that left earlier */
  readonly overtakes: boolean;
}
