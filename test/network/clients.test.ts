/** Clients that ask over libp2p: a stranger's place, one question a stream, and nothing else expected of them. */
import { multiaddr } from "@multiformats/multiaddr";
import { afterEach, describe, expect, test } from "vitest";
import { protocolNames } from "../../src/network/libp2p/assemble.ts";
import { readFrame, writeFrame } from "../../src/network/libp2p/exchange-stream.ts";
import { createHost } from "../../src/network/libp2p/host.ts";
import { createVisitor, addressProblem } from "../../src/network/libp2p/visitor.ts";
import type { Visitor } from "../../src/network/libp2p/visitor.ts";
import type { Libp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import { createLibp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import { defaultNetworkLimits } from "../../src/network/options.ts";
import type { NetworkLimits } from "../../src/network/options.ts";
import { toLibp2pKey } from "../../src/network/peer-name.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import { createRecorder, genesisHash, loopback, names, nodeKey, until } from "./support.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

const startNode = async (limits: Partial<NetworkLimits> = {}): Promise<{ readonly network: Libp2pNetwork; readonly address: string }> => {
  const network = await createLibp2pNetwork({
    genesisHash,
    genesis: "",
    nodeKey: nodeKey(0),
    listen: [loopback],
    validators: names(1),
    limits,
  });
  stops.push(() => network.stop());
  await network.start(createRecorder());
  return { network, address: network.addresses()[0] ?? "" };
};
const startVisitor = async (hash = genesisHash): Promise<Visitor> => {
  const visitor = await createVisitor(hash);
  stops.push(() => visitor.stop());
  return visitor;
};
const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (frame: Uint8Array): string => new TextDecoder().decode(frame);

describe("a client", () => {
  test("asks a node and is answered, several at once, large ones too", async () => {
    const { network, address } = await startNode();
    network.serveClients(async (_from, question) => new Uint8Array([...bytes("heard "), ...question.subarray(0, 8)]));
    const visitor = await startVisitor();
    const asked = Array.from({ length: 12 }, (_, nth) => visitor.ask(address, bytes(`q${nth}`), soon()));
    expect((await Promise.all(asked)).map(text)).toEqual(Array.from({ length: 12 }, (_, nth) => `heard q${nth}`));
    expect(text(await visitor.ask(address, new Uint8Array(1024 * 1024).fill(65), soon()))).toBe("heard AAAAAAAA");
    expect(network.counters()).toMatchObject({ clientQuestions: 13, blames: 0 });
  });

  test("is waited with while its answer takes long, and is cut off as silent once it has nothing to ask", async () => {
    const { network, address } = await startNode({ deadMs: 200, firstDeadMs: 300, gossipGraceMs: 200, clientIdleMs: 300 });
    network.serveClients(async (_from, question) => {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return question;
    });
    const visitor = await startVisitor();
    expect(text(await visitor.ask(address, bytes("slow"), soon()))).toBe("slow");
    await until(() => network.peers().length === 0, 30_000, "it is disconnected");
    expect(network.counters()).toMatchObject({ bans: 0, disconnectedForeign: 0 });
    // and may come again
    expect(text(await visitor.ask(address, bytes("again"), soon()))).toBe("again");
  });

  test("may ask only so much at once, and no node that does not answer clients", async () => {
    const { network, address } = await startNode({ maxClientStreamsPerPeer: 2 });
    const visitor = await startVisitor();
    await expect(visitor.ask(address, bytes("too early"), soon())).rejects.toMatchObject({ code: "ECONNRESET" });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    network.serveClients(async (_from, question) => {
      await released;
      return question;
    });
    const first = [visitor.ask(address, bytes("1"), soon()), visitor.ask(address, bytes("2"), soon())];
    await until(() => network.counters().clientQuestions === 2, 30_000, "both are asked");
    await expect(visitor.ask(address, bytes("3"), soon())).rejects.toThrow();
    release();
    expect((await Promise.all(first)).map(text)).toEqual(["1", "2"]);
  });

  test("that was cut off and did not hear of it yet is answered on a new connection, each question once; one that stays cut off is told so", async () => {
    const { network, address } = await startNode();
    const heard: string[] = [];
    network.serveClients(async (_from, question) => (heard.push(text(question)), question));
    const visitor = await startVisitor();
    await visitor.ask(address, bytes("first"), soon());
    const cut = (): void => network.setCut(network.peers().map(({ peer }) => peer));
    // in one turn: the end of the connection is on its way while the next question is asked
    cut();
    network.setCut([]);
    expect(text(await visitor.ask(address, bytes("second"), soon()))).toBe("second");
    expect(heard).toEqual(["first", "second"]);
    cut();
    await expect(visitor.ask(address, bytes("third"), soon())).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(heard).toHaveLength(2);
  });

  test("that sends more than a question may have is blamed, and not answered", async () => {
    const { network, address } = await startNode();
    network.serveClients(async (_from, question) => question);
    const visitor = await startVisitor();
    await expect(visitor.ask(address, new Uint8Array(2 * 1024 * 1024), soon())).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(network.counters().blames).toBe(1);
  });

  test("of another network finds nobody, and neither does one that asks for another peer", async () => {
    const { network, address } = await startNode();
    network.serveClients(async (_from, question) => question);
    const foreign = await startVisitor(toDigest("0bad".repeat(16)));
    await expect(foreign.ask(address, bytes("hello"), soon())).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const visitor = await startVisitor();
    const [, other = ""] = names(2);
    await expect(visitor.ask(address.replace(/[^/]+$/, other), bytes("hello"), soon())).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("is told what is wrong with an address", () => {
    expect(addressProblem("/ip4/127.0.0.1/tcp/1")).toMatch(/does not end with \/p2p\/PEER/);
    expect(addressProblem("/ip4/127.0.0.1/udp/1")).toMatch(/is not an address/);
  });
});

describe("a node that is still busy with the handshake", () => {
  const { maxClientStreamsPerPeer } = defaultNetworkLimits;
  /** more than a connection takes until it has streams, less than the openings of all of them */
  const handshakeBytes = 1_000;
  /** a client that has said all it may without an answer is silent for so long, milliseconds */
  const silenceMs = 400;
  const protocol = protocolNames(genesisHash).client;

  /** It goes on with an incoming connection only once its client opened streams over it and waits. */
  const startSlow = async (): Promise<string> => {
    const enough = Promise.withResolvers<void>();
    let came = 0;
    let silence: NodeJS.Timeout | undefined;
    const slow = await createHost({
      key: toLibp2pKey(nodeKey(0)),
      listen: [loopback],
      announce: [],
      limits: defaultNetworkLimits,
      kadProtocol: "/test/kad",
      topic: "test",
      refuses: () => false,
      gater: {
        denyInboundConnection: (connection) => {
          connection.addEventListener("message", ({ data }) => {
            came += data.byteLength;
            clearTimeout(silence);
            if (came > handshakeBytes) silence = setTimeout(() => enough.resolve(), silenceMs);
          });
          connection.addEventListener("close", () => enough.resolve());
          return false;
        },
        denyInboundUpgradedConnection: async () => {
          await enough.promise;
          return false;
        },
      },
    });
    const echo = { maxInboundStreams: 64 };
    await slow.handle(protocol, async (stream) => writeFrame(stream, await readFrame(stream, 100, soon()), soon()), echo);
    await slow.start();
    stops.push(async () => slow.stop());
    return slow.getMultiaddrs()[0]?.toString() ?? "";
  };

  test("answers a client that asks all it may at once", async () => {
    const address = await startSlow();
    const visitor = await startVisitor();
    const asked = Array.from({ length: maxClientStreamsPerPeer }, () => visitor.ask(address, bytes("all at once"), soon()));
    for (const answer of await Promise.all(asked)) expect(text(answer)).toBe("all at once");
  });

  test("bears with no more than that", async () => {
    const streams = maxClientStreamsPerPeer + 16;
    const address = await startSlow();
    const client = await createHost({
      key: toLibp2pKey(nodeKey(1)),
      listen: [],
      announce: [],
      gater: { denyDialMultiaddr: () => false },
      limits: defaultNetworkLimits,
      kadProtocol: "/test/kad",
      topic: "test",
      refuses: () => false,
    });
    await client.start();
    stops.push(async () => client.stop());
    const connection = await client.dial(multiaddr(address), { signal: soon() });
    const ask = async (): Promise<Uint8Array> => {
      const stream = await connection.newStream(protocol, { maxOutboundStreams: 64, signal: soon() });
      const answer = readFrame(stream, 100, soon());
      await Promise.all([writeFrame(stream, bytes("too much"), soon()), answer]);
      return answer;
    };
    const ended = await Promise.allSettled(Array.from({ length: streams }, ask));
    expect(ended.map(({ status }) => status)).toEqual(ended.map(() => "rejected"));
  });
});
