import { afterEach, describe, expect, it } from "vitest";
import { nodeEvent, watchEvent } from "../../src/api/schemas/common.ts";
import type { NodeEvent, PlacedChange } from "../../src/node/feeds.ts";
import { toSequence } from "../../src/protocol/ids.ts";
import { type EventReader, readEvents } from "./events.ts";
import type { FakeService } from "./fake-service.ts";
import { open, request, start, until } from "./harness.ts";

const readers = new Set<EventReader>();
afterEach(() => {
  for (const reader of readers) reader.stop();
  readers.clear();
});
const follow = async (url: string, headers?: Record<string, string>): Promise<EventReader> => {
  const reader = await readEvents(url, headers);
  readers.add(reader);
  return reader;
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Executes one block: `a=1` puts, `-a` deletes. */
const execute = (service: FakeService, ...writes: readonly string[]): void => {
  const sequence = toSequence(service.history.length + 1);
  const change = (write: string, index: number): PlacedChange => {
    if (write.startsWith("-")) return { type: "delete", key: bytes(write.slice(1)), version: 0, sequence, index };
    const [key = "", value = ""] = write.split("=");
    return { type: "put", key: bytes(key), value: bytes(value), version: 1, sequence, index };
  };
  service.history.push(writes.map(change));
  service.wake();
};
const shown = ({ events }: EventReader): string[] =>
  events.map(({ id, data }) => {
    const event = watchEvent.parse(data);
    return `${id} ${event.type === "put" ? `${event.key}=${event.value}` : `-${event.key}`}`;
  });

describe("GET /v1/watch", () => {
  it("shows what is executed from now on, in order, with ids; or from a sequence on", async () => {
    const { url, service } = await start();
    execute(service, "old=1");
    const now = await follow(`${url}/v1/watch`);
    const past = await follow(`${url}/v1/watch?from=1`);
    execute(service, "a=1", "b=2", "-a");
    execute(service);
    execute(service, "c=3");
    await until(() => now.events.length === 4 && past.events.length === 5);
    expect(shown(now)).toEqual(["2.0 a=1", "2.1 b=2", "2.2 -a", "4.0 c=3"]);
    expect(shown(past)).toEqual(["1.0 old=1", ...shown(now)]);
  });

  it("shows keys of a prefix only, also one of bytes", async () => {
    const { url, service } = await start();
    const some = await follow(`${url}/v1/watch?prefix=user%2F`);
    const same = await follow(`${url}/v1/watch?prefix=${encodeURIComponent(btoa("user/"))}&prefixEncoding=base64`);
    execute(service, "user/1=x", "other=y", "user/2=z");
    await until(() => some.events.length === 2 && same.events.length === 2);
    expect(shown(some)).toEqual(["1.0 user/1=x", "1.2 user/2=z"]);
    expect(shown(same)).toEqual(shown(some));
  });

  it("misses and repeats nothing over 10,000 events and a hundred reconnections", async () => {
    const { url, service } = await start();
    let written = 0;
    const seen: string[] = [];
    let last = "0";
    for (let connection = 0; connection < 100; connection += 1) {
      const reader = await follow(`${url}/v1/watch`, { "last-event-id": last });
      for (let block = 0; block < 20; block += 1) execute(service, ...Array.from({ length: 5 }, () => `k=${written++}`));
      // cut anywhere, in the middle of a block too
      await until(() => reader.events.length > 37);
      reader.stop();
      await reader.ended;
      seen.push(...reader.events.map(({ data }) => watchEvent.parse(data)).map((event) => (event.type === "put" ? event.value : "")));
      last = reader.lastEventId();
    }
    const rest = await follow(`${url}/v1/watch`, { "last-event-id": last });
    await until(() => seen.length + rest.events.length === written);
    seen.push(...rest.events.map(({ data }) => (data as { value: string }).value));
    expect(written).toBe(10_000);
    expect(seen).toEqual(Array.from({ length: written }, (_, index) => String(index)));
  });

  it("gives an id to a client that saw nothing: what happens while it is away is not missed", async () => {
    const { url, service } = await start();
    execute(service, "before=1");
    const quiet = await follow(`${url}/v1/watch?prefix=rare`);
    await until(() => quiet.lastEventId() === "1");
    quiet.stop();
    execute(service, "rare=1");
    const back = await follow(`${url}/v1/watch?prefix=rare`, { "last-event-id": quiet.lastEventId() });
    await until(() => back.events.length === 1);
    expect(shown(back)).toEqual(["2.0 rare=1"]);
  });

  it("keeps a quiet stream alive, and its id young", async () => {
    const { url, service } = await start({ limits: { heartbeatMs: 20 } });
    const reader = await follow(`${url}/v1/watch?prefix=none`);
    execute(service, "a=1");
    await until(() => reader.comments() > 1 && reader.lastEventId() === "1");
    expect(reader.events).toEqual([]);
  });

  it("says what is no longer kept, before the stream and within it", async () => {
    const { url, port, service } = await start();
    for (let index = 0; index < 5; index += 1) execute(service, `k=${index}`);
    const reader = await follow(`${url}/v1/watch`);
    service.pruned = 3;
    const refused = await request(port, "GET /v1/watch?from=2");
    expect(refused.status).toBe(404);
    expect(JSON.parse(refused.body)).toMatchObject({ code: "not_found", oldest: 4 });
    service.pruned = 7;
    service.wake();
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ name: "end", data: { code: "gone", oldest: 8 } });
  });

  it("lets go of a client that does not read, and tells it why", async () => {
    const { port, service } = await start({ limits: { slowMs: 50 } });
    const { socket, received, closed } = await open(port);
    socket.pause();
    socket.write(`GET /v1/watch?from=1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    const value = "v".repeat(1024 * 1024);
    // more than the system's own buffers hold
    for (let index = 0; index < 32; index += 1) execute(service, `k=${value}`);
    await until(() => service.followers() > 0);
    await until(() => service.followers() === 0);
    socket.resume();
    await closed;
    expect(received().length).toBeLessThan(32 * value.length);
    expect(received().slice(-400)).toMatch(/event: end\ndata: .*"code":"too_slow"|v$/);
  });

  it("ends with a last event when the node stops, at once", async () => {
    const { api, url } = await start({ limits: { drainMs: 40_000 } });
    const reader = await follow(`${url}/v1/watch`);
    const began = performance.now();
    await api.close();
    await reader.ended;
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(reader.events.at(-1)).toMatchObject({ name: "end", data: { code: "stopping" } });
  });

  it("refuses what it can not understand, and more watchers than it takes", async () => {
    const { url, port } = await start({ limits: { maxStreams: 1 } });
    for (const target of ["/v1/watch?from=-1", "/v1/watch?from=x", "/v1/watch?after=a", "/v1/watch?prefix=a&prefixEncoding=base64"]) {
      expect([target, (await request(port, `GET ${target}`)).status]).toEqual([target, 400]);
    }
    expect((await request(port, "GET /v1/watch", { headers: { "last-event-id": "nonsense" } })).status).toBe(400);
    expect((await request(port, `GET /v1/watch?prefix=${"a".repeat(1025)}`)).status).toBe(400);
    const reader = await follow(`${url}/v1/watch`);
    expect((await request(port, "GET /v1/events")).status).toBe(503);
    reader.stop();
    await reader.ended;
    const again = async (): Promise<boolean> => (await request(port, "HEAD /v1/watch")).status === 200;
    let free = false;
    await until(() => {
      void again().then((is) => (free ||= is));
      return free;
    });
  });
});

describe("GET /v1/events", () => {
  const event = (number: number): NodeEvent => ({
    id: `life-${number}`,
    time: 1,
    type: "peer_up",
    peerId: `p${number}`,
    role: "validator",
  });

  it("shows what happens, resumes, and says when something was lost", async () => {
    const { url, service } = await start();
    const reader = await follow(`${url}/v1/events`);
    for (const number of [1, 2, 3]) service.happened.push(event(number));
    service.wake();
    await until(() => reader.events.length === 3);
    expect(reader.events.map(({ data }) => nodeEvent.parse(data).id)).toEqual(["life-1", "life-2", "life-3"]);
    const back = await follow(`${url}/v1/events`, { "last-event-id": "life-2" });
    await until(() => back.events.length === 1);
    expect(back.events[0]).toMatchObject({ id: "life-3" });
    const stranger = await follow(`${url}/v1/events`, { "last-event-id": "older-9" });
    await until(() => stranger.events.length === 4);
    expect(stranger.events.map(({ name }) => name)).toEqual(["lost", "message", "message", "message"]);
  });
});
