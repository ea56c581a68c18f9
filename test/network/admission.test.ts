/** Who gets a place: the arithmetic, without sockets. */
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { Connection, MultiaddrConnection } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { createCounters } from "../../src/network/counters.ts";
import { createAdmission } from "../../src/network/libp2p/admission.ts";
import type { Admission } from "../../src/network/libp2p/admission.ts";
import { defaultNetworkLimits } from "../../src/network/options.ts";
import type { NetworkLimits } from "../../src/network/options.ts";
import type { PeerName } from "../../src/protocol/ids.ts";
import { names } from "./support.ts";

const all = names(60);
const at = (index: number): PeerName => all[index] as PeerName;
const validators = new Set(all.slice(0, 4));

const create = (
  limits: Partial<NetworkLimits> = {},
): { admission: Admission; time: { now: number }; counters: ReturnType<typeof createCounters> } => {
  const time = { now: 0 };
  const counters = createCounters();
  const admission = createAdmission({
    limits: { ...defaultNetworkLimits, ...limits },
    counters,
    log: () => undefined,
    now: () => time.now,
    self: at(0),
    isValidator: (peer) => validators.has(peer),
  });
  return { admission, time, counters };
};

let sockets = 0;
/** Just what admission looks at. */
const socket = (ip: string): { remoteAddr: MultiaddrConnection["remoteAddr"]; close: () => void; connection: MultiaddrConnection } => {
  sockets += 1;
  const remoteAddr = multiaddr(`/ip4/${ip}/tcp/${1024 + sockets}`);
  const listeners: (() => void)[] = [];
  const connection = {
    remoteAddr,
    addEventListener: (_: string, listener: () => void) => listeners.push(listener),
  } as unknown as MultiaddrConnection;
  return { remoteAddr, connection, close: () => listeners.forEach((listener) => listener()) };
};
const connectionOf = (peer: PeerName, ip: string): Connection =>
  ({ id: `c${(sockets += 1)}`, remotePeer: peerIdFromString(peer), remoteAddr: multiaddr(`/ip4/${ip}/tcp/4000`) }) as unknown as Connection;
const isDenied = (admission: Admission, peer: PeerName, ip = "192.0.2.1"): boolean =>
  admission.gater.denyInboundEncryptedConnection?.(peerIdFromString(peer), socket(ip).connection) === true;

describe("a peer that the node isolates", () => {
  test.each([1, 10])("is refused in both directions for that time, validator or not (%i)", (index) => {
    const { admission, time } = create();
    admission.isolate(at(index), 5_000);
    expect([admission.refuses(at(index)), isDenied(admission, at(index))]).toEqual([true, true]);
    expect(admission.opened(connectionOf(at(index), "192.0.2.1"))).toBe(false);
    expect(admission.gater.denyDialPeer?.(peerIdFromString(at(index)))).toBe(true);
    expect(admission.refuses(at(2))).toBe(false);
    admission.isolate(at(index), 1_000);
    time.now = 4_999;
    expect(admission.refuses(at(index))).toBe(true);
    time.now = 5_001;
    expect([admission.refuses(at(index)), isDenied(admission, at(index))]).toEqual([false, false]);
  });
});

describe("places", () => {
  test("for strangers run out, in all and by address; those for validators do not", () => {
    const { admission, counters } = create({ maxStrangers: 5, maxStrangersPerIp: 2 });
    expect(admission.opened(connectionOf(at(10), "192.0.2.1"))).toBe(true);
    expect(admission.opened(connectionOf(at(11), "192.0.2.1"))).toBe(true);
    expect(isDenied(admission, at(12))).toBe(true);
    expect(isDenied(admission, at(12), "192.0.2.2")).toBe(false);
    for (const index of [12, 13, 14]) expect(admission.opened(connectionOf(at(index), "127.0.0.1"))).toBe(true);
    expect(isDenied(admission, at(15), "198.51.100.1")).toBe(true);
    expect(admission.opened(connectionOf(at(15), "127.0.0.1"))).toBe(false);
    expect(isDenied(admission, at(1))).toBe(false);
    expect(admission.opened(connectionOf(at(1), "192.0.2.1"))).toBe(true);
    expect(counters.refusedPlaces).toBe(2);
  });

  test("are free again when the last connection closes", () => {
    const { admission } = create({ maxStrangers: 1 });
    const [one, other] = [connectionOf(at(10), "192.0.2.1"), connectionOf(at(10), "192.0.2.1")];
    expect([admission.opened(one), admission.opened(other)]).toEqual([true, true]);
    admission.closed(one);
    expect(isDenied(admission, at(11))).toBe(true);
    admission.closed(other);
    expect(isDenied(admission, at(11))).toBe(false);
  });

  test("hold a bounded number of connections each, a validator's too", () => {
    const { admission } = create({ maxConnectionsPerPeer: 2 });
    for (const expected of [true, true, false]) expect(admission.opened(connectionOf(at(1), "192.0.2.1"))).toBe(expected);
  });

  test("for handshakes are bounded by address and given back", () => {
    const { admission } = create({ maxPendingInbound: 3, maxPendingInboundPerIp: 2 });
    const begin = (ip: string): { denied: boolean; close: () => void; connection: MultiaddrConnection } => {
      const made = socket(ip);
      return { ...made, denied: admission.gater.denyInboundConnection?.(made.connection) === true };
    };
    const first = begin("192.0.2.1");
    const second = begin("192.0.2.1");
    expect([first.denied, second.denied, begin("192.0.2.1").denied, begin("192.0.2.2").denied, begin("192.0.2.3").denied]).toEqual([
      false,
      false,
      true,
      false,
      true,
    ]);
    first.close();
    void admission.gater.denyInboundEncryptedConnection?.(peerIdFromString(at(10)), second.connection);
    second.close();
    expect([begin("192.0.2.1").denied, begin("192.0.2.1").denied, begin("192.0.2.1").denied]).toEqual([false, false, true]);
  });
});

describe("handshakes that nobody finishes", () => {
  test("make room for new ones, the oldest first, once they have taken too long", () => {
    const { admission, time } = create({ maxPendingInbound: 3, maxPendingInboundPerIp: 2, staleHandshakeMs: 500 });
    const begin = (ip: string): { denied: boolean; aborted: () => boolean } => {
      const made = socket(ip);
      let aborted = false;
      const connection = Object.assign(made.connection, {
        abort: () => {
          aborted = true;
          made.close();
        },
      });
      return { denied: admission.gater.denyInboundConnection?.(connection) === true, aborted: () => aborted };
    };
    const first = begin("192.0.2.9");
    time.now = 100;
    const mine = [begin("192.0.2.1"), begin("192.0.2.1")];
    time.now = 599;
    // only what is too old goes, and of an address that has its share only its own
    expect(begin("192.0.2.1").denied).toBe(true);
    expect([begin("192.0.2.2").denied, first.aborted()]).toEqual([false, true]);
    time.now = 600;
    expect([begin("192.0.2.1").denied, mine.map(({ aborted }) => aborted())]).toEqual([false, [true, false]]);
    expect([begin("192.0.2.3").denied, mine[1]?.aborted()]).toEqual([false, true]);
    expect(begin("192.0.2.4").denied).toBe(true);
  });
});

describe("refusals", () => {
  test("follow enough blames within the window, last longer each time, and end", () => {
    const { admission, time } = create({ blamesBeforeBan: 3, blameWindowMs: 1000, banMs: 100, maxBanMs: 250 });
    const blames = (): boolean[] => [1, 2, 3].map(() => admission.blame(at(10)));
    expect([admission.blame(at(10)), admission.blame(at(10))]).toEqual([false, false]);
    time.now = 1001;
    expect(admission.refuses(at(10))).toBe(false);
    for (const length of [100, 200, 250, 250]) {
      expect(blames()).toEqual([false, false, true]);
      expect(isDenied(admission, at(10))).toBe(true);
      time.now += length - 1;
      expect(admission.refuses(at(10))).toBe(true);
      time.now += 1;
      expect(admission.refuses(at(10))).toBe(false);
      time.now += 1001;
    }
  });

  test("never meet a validator", () => {
    const { admission, counters } = create({ blamesBeforeBan: 1 });
    expect([admission.blame(at(1)), admission.ban(at(1)), admission.refuses(at(1))]).toEqual([false, false, false]);
    admission.refuseFor(at(1), 1e9);
    expect(isDenied(admission, at(1))).toBe(false);
    expect(counters.bans).toBe(0);
  });

  test("are kept for a bounded number of peers", () => {
    const { admission } = create({ maxBookkeptPeers: 10 });
    for (const peer of all.slice(10, 30)) admission.refuseFor(peer, 1000);
    expect(all.slice(10, 30).filter((peer) => admission.refuses(peer))).toEqual(all.slice(20, 30));
  });

  test("include ourselves and who is cut off", () => {
    const { admission } = create();
    admission.setCut([at(1)]);
    expect([at(0), at(1), at(2)].map((peer) => admission.refuses(peer))).toEqual([true, true, false]);
    admission.setCut([]);
    expect(admission.refuses(at(1))).toBe(false);
  });
});
