import { describe, expect, it } from "vitest";
import { createRateLimit } from "../../src/api/rate-limit.ts";
import { Refusal } from "../../src/api/problem.ts";
import { request, start } from "./harness.ts";

const asked = (limit: (address: string) => void, address: string, times: number): number => {
  let allowed = 0;
  for (let turn = 0; turn < times; turn += 1) {
    try {
      limit(address);
      allowed += 1;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return allowed;
};

describe("the rate limit", () => {
  it("gives each address its own measure: a burst, then so many a second", () => {
    let time = 0;
    const limit = createRateLimit({ requestsPerSecond: 10, now: () => time });
    expect(asked(limit, "192.0.2.1", 100)).toBe(20);
    expect(asked(limit, "192.0.2.2", 100)).toBe(20);
    time += 500;
    expect(asked(limit, "192.0.2.1", 100)).toBe(5);
    time += 3_600_000;
    expect(asked(limit, "192.0.2.1", 100)).toBe(20);
  });

  it("leaves this machine alone, and everybody when it is 0", () => {
    expect(asked(createRateLimit({ requestsPerSecond: 1 }), "::ffff:127.0.0.1", 100)).toBe(100);
    expect(asked(createRateLimit({ requestsPerSecond: 0, limitLoopback: true }), "192.0.2.1", 100)).toBe(100);
  });

  it("remembers a bounded number of addresses, those that asked last", () => {
    const limit = createRateLimit({ requestsPerSecond: 1, now: () => 0 });
    expect(asked(limit, "192.0.2.1", 9)).toBe(2);
    for (let index = 0; index < 5_000; index += 1) {
      asked(limit, `10.0.${index >> 8}.${index & 255}`, 1);
      if (index % 1_000 === 0) expect(asked(limit, "192.0.2.1", 1)).toBe(0);
    }
  });

  it("forgets those first who have been quiet for longest, not those who came first", () => {
    const limit = createRateLimit({ requestsPerSecond: 1, now: () => 0 });
    for (const address of ["192.0.2.1", "192.0.2.2"]) expect(asked(limit, address, 9)).toBe(2);
    expect(asked(limit, "192.0.2.1", 1)).toBe(0);
    for (let index = 0; index < 4_095; index += 1) asked(limit, `10.0.${index >> 8}.${index & 255}`, 1);
    expect([asked(limit, "192.0.2.1", 1), asked(limit, "192.0.2.2", 1)]).toEqual([0, 1]);
  });

  it("answers 429 with the time to wait", async () => {
    const { port } = await start({ rateLimit: { requestsPerSecond: 2, limitLoopback: true } });
    for (let turn = 0; turn < 4; turn += 1) expect((await request(port, "GET /livez")).status).toBe(200);
    const refused = await request(port, "GET /livez");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(JSON.parse(refused.body)).toMatchObject({ code: "rate_limited" });
  });
});
