import { describe, expect, it } from "vitest";
import { gatewayKeyOf } from "../../../src/node/home/gateway-key.ts";
import { keyFromSeed } from "../../../src/signing/keys.ts";

describe("the gateway's key", () => {
  it("is another than the client key it comes from, and the same each time", () => {
    const clientKey = keyFromSeed(new Uint8Array(32).fill(7));
    const key = gatewayKeyOf(clientKey);
    expect(key.publicKey).not.toBe(clientKey.publicKey);
    expect(gatewayKeyOf(keyFromSeed(clientKey.exportSeed())).publicKey).toBe(key.publicKey);
    expect(gatewayKeyOf(keyFromSeed(new Uint8Array(32).fill(8))).publicKey).not.toBe(key.publicKey);
  });
});
