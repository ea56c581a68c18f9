import { describe, expect, it } from "vitest";
import { ClientError, createRequestSigner, createSigningClient, type RequestAnswer } from "../../src/client/index.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import { createKey } from "../../src/signing/keys.ts";
import { decodeRequest } from "../../src/wire/requests.ts";

const genesisHash = toDigest("a".repeat(64));
const operation = Uint8Array.from([1, 2, 3]);
const committed = (id: string): RequestAnswer => ({ id, state: "committed", sequence: 1, results: [] });

/** Answers one after the other with what the script says; keeps what it was sent. */
const scripted = (script: readonly ("committed" | "pending" | "unknown" | ClientError)[]) => {
  const received: Uint8Array[] = [];
  return {
    received,
    async submitRequest(bytes: Uint8Array): Promise<RequestAnswer> {
      const answer = script[Math.min(received.length, script.length - 1)];
      received.push(bytes);
      const id = decoded(bytes).id;
      if (answer instanceof ClientError) throw answer;
      return answer === "committed" ? committed(id) : { id, state: answer ?? "unknown" };
    },
  };
};

const decoded = (bytes: Uint8Array) => {
  const result = decodeRequest(bytes);
  if (!result.ok) throw new Error("not a request");
  return result.value;
};
const failure = (code: ConstructorParameters<typeof ClientError>[0]["code"]) => new ClientError({ code, message: code });
const sign = createRequestSigner(createKey(), genesisHash);

describe("a signing client", () => {
  it("sends the same bytes until the outcome is known", async () => {
    const http = scripted([failure("no_node"), failure("outcome_unknown"), "pending", failure("overloaded"), "committed"]);
    const client = createSigningClient({ http, sign, wall: () => 1_700_000_000_000 });
    expect((await client.submit([operation])).state).toBe("committed");
    expect(http.received).toHaveLength(5);
    for (const bytes of http.received) expect(bytes).toEqual(http.received[0]);
    expect(decoded(http.received[0] as Uint8Array)).toMatchObject({ sequence: 1_700_000_000_000 * 1024 });
    expect(client.lastSequence).toBe(1_700_000_000_000 * 1024);
  });

  it("never uses a number twice, whatever the clock does, and starts above the last one kept", async () => {
    const http = scripted(["committed"]);
    let wall = 1_000;
    const client = createSigningClient({ http, sign, wall: () => wall, lastSequence: 5_000_000 });
    await Promise.all([client.submit([operation]), client.submit([operation])]);
    wall = 10;
    await client.submit([operation]);
    const numbers = http.received.map((bytes) => decoded(bytes).sequence);
    expect(numbers).toEqual([5_000_001, 5_000_002, 5_000_003]);
  });

  it("goes on above the number that the ledger tells, where strangers made it forget the client; not for a lie of tomorrow's tomorrow", async () => {
    const day = 86_400_000 * 1024;
    const now = Date.now() * 1024;
    const refusedAt = (lastNumber: number, reason: string) =>
      new ClientError({ code: "invalid_request", message: "old", details: { reason, lastNumber } });
    for (const reason of ["session-expired", "stale"]) {
      const http = scripted([refusedAt(now + day - 10, reason), "committed"]);
      const client = createSigningClient({ http, sign });
      await client.submit([operation]);
      expect(http.received.map((bytes) => decoded(bytes).sequence)[1]).toBe(now + day - 9);
      expect(client.lastSequence).toBe(now + day - 9);
    }
    const lie = scripted([refusedAt(now + 2 * day, "session-expired"), "committed"]);
    await expect(createSigningClient({ http: lie, sign }).submit([operation])).rejects.toMatchObject({ code: "invalid_request" });
    // what may have arrived under its first number is not asked for under another
    const late = scripted(["pending", refusedAt(now + day - 10, "session-expired"), "committed"]);
    await expect(createSigningClient({ http: late, sign }).submit([operation])).rejects.toMatchObject({ code: "outcome_unknown" });
    expect(late.received).toHaveLength(2);
  });

  it("reports a missing quorum at once, and what is final", async () => {
    for (const code of ["no_quorum", "invalid_request", "too_large", "unauthorized"] as const) {
      const http = scripted([failure(code)]);
      await expect(createSigningClient({ http, sign }).submit([operation])).rejects.toMatchObject({ code });
      expect(http.received).toHaveLength(1);
    }
  });

  it("does not call a failure certain once a node may have taken the request", async () => {
    const http = scripted([failure("outcome_unknown"), failure("no_quorum")]);
    const error = await createSigningClient({ http, sign })
      .submit([operation])
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "outcome_unknown",
      exitCode: 5,
      details: { requestId: decoded(http.received[0] as Uint8Array).id },
    });
  });

  it("does not call it certain either that nothing happened when the connection broke after the request was sent", async () => {
    const broken = new ClientError({ code: "no_node", message: "the connection broke", details: { sent: true } });
    const submit = (http: ReturnType<typeof scripted>) => createSigningClient({ http, sign, patienceMs: 120 }).submit([operation]);
    await expect(submit(scripted([broken, failure("no_quorum")]))).rejects.toMatchObject({ code: "outcome_unknown" });
    await expect(submit(scripted([failure("no_node"), failure("no_quorum")]))).rejects.toMatchObject({ code: "no_quorum" });
  });

  it("says at once that an answer was a lie, whatever came before", async () => {
    const http = scripted([failure("outcome_unknown"), failure("verification_failed")]);
    await expect(createSigningClient({ http, sign }).submit([operation])).rejects.toMatchObject({
      code: "verification_failed",
      exitCode: 6,
    });
  });

  it("loses patience, and says which request to ask for", async () => {
    const http = scripted(["pending"]);
    const error = await createSigningClient({ http, sign, patienceMs: 120 })
      .submit([operation])
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "outcome_unknown", hint: expect.stringContaining(decoded(http.received[0] as Uint8Array).id) });
  });

  it("keeps within one window of outstanding requests", async () => {
    const waiting: (() => void)[] = [];
    const http = {
      submitRequest: (bytes: Uint8Array) =>
        new Promise<RequestAnswer>((resolve) => waiting.push(() => resolve(committed(decoded(bytes).id)))),
    };
    const client = createSigningClient({ http, sign, window: 2 });
    const first = client.submit([operation]);
    const second = client.submit([operation]);
    await expect(client.submit([operation])).rejects.toMatchObject({ code: "overloaded" });
    waiting.shift()?.();
    await first;
    const third = client.submit([operation]);
    for (const answer of waiting) answer();
    await Promise.all([second, third]);
  });

  it("stops when told to", async () => {
    const stop = new AbortController();
    const call = createSigningClient({ http: scripted(["pending"]), sign, signal: stop.signal }).submit([operation]);
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
  });
});
