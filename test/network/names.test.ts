/** Peer names, node keys and addresses. */
import { describe, expect, test } from "vitest";
import { parseMultiaddr, toAddress } from "../../src/network/address.ts";
import {
  generateNodeKey,
  isPeerName,
  peerNameFromNodeKey,
  peerNameFromPublicKey,
  publicKeyFromPeerName,
  toLibp2pKey,
} from "../../src/network/peer-name.ts";
import { toPublicKey } from "../../src/protocol/ids.ts";

// RFC 8032, section 7.1, test 1
const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
const publicKey = toPublicKey("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

describe("a peer name", () => {
  test("is another spelling of an Ed25519 public key", () => {
    const name = peerNameFromPublicKey(publicKey);
    expect(name).toMatch(/^12D3KooW/);
    expect(publicKeyFromPeerName(name)).toBe(publicKey);
    expect(peerNameFromNodeKey(seed)).toBe(name);
    expect(peerNameFromNodeKey(Buffer.concat([seed, Buffer.from(publicKey, "hex")]))).toBe(name);
    expect(isPeerName(name)).toBe(true);
  });

  test.each([
    ["", "empty"],
    ["12D3KooW", "cut short"],
    ["QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "an RSA peer"],
    ["bafzaajaiaejcbvtbwmzsqvphkbtqwrmlg2kagcvphi2z4zmmm5vmb2lwhmwu", "another base"],
    ["x".repeat(10_000), "too long"],
  ])("is not %j: %s", (text) => {
    expect(isPeerName(text)).toBe(false);
    expect(() => publicKeyFromPeerName(text)).toThrow(TypeError);
  });

  test("comes from a node key of 32 or 64 bytes whose halves belong together", () => {
    expect(generateNodeKey()).toHaveLength(32);
    expect(generateNodeKey()).not.toEqual(generateNodeKey());
    expect(() => toLibp2pKey(new Uint8Array(31))).toThrow("32 or 64 bytes, not 31");
    expect(() => toLibp2pKey(Buffer.concat([seed, new Uint8Array(32)]))).toThrow("does not belong");
  });
});

describe("an address", () => {
  const peer = peerNameFromPublicKey(publicKey);

  test.each([
    ["/ip4/127.0.0.1/tcp/27656", { hostKind: "ip4", host: "127.0.0.1", port: 27_656 }],
    ["/ip6/::1/tcp/0", { hostKind: "ip6", host: "::1", port: 0 }],
    [`/dns4/node.example.org/tcp/27656/p2p/${peer}`, { hostKind: "dns4", host: "node.example.org", port: 27_656, peer }],
    [`/dns/a.example/tcp/1/p2p/${peer}`, { hostKind: "dns", port: 1, peer }],
  ])("may be %s", (text, expected) => {
    expect(parseMultiaddr(text)).toMatchObject({ ok: true, address: { text, ...expected } });
    expect(toAddress(text).text).toBe(text);
  });

  test.each([
    ["127.0.0.1:27656", "does not start with /"],
    ["/ip4/127.0.0.1", "no /tcp/PORT"],
    ["/ip4/300.0.0.1/tcp/1", "not an address"],
    ["/ip4/127.0.0.1/tcp/65536", "not an address"],
    ["/ip4/127.0.0.1/tcp/http", "not an address"],
    ["/ip4/127.0.0.1/udp/27656", "no /tcp/PORT"],
    ["/ip4/127.0.0.1/tcp/1/ws", "only /p2p/PEER"],
    ["/tcp/27656", "does not begin with a host"],
    [`/p2p/${peer}`, "does not begin with a host"],
    [`/ip4/127.0.0.1/tcp/1/p2p/${peer}/p2p-circuit`, "only /p2p/PEER"],
    ["/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "Ed25519"],
    ["/nonsense", "not an address"],
    [`/ip4/127.0.0.1/tcp/1/${"x".repeat(600)}`, "longer than 512"],
    ["", "does not start with /"],
  ])("is not %j, and the error says why", (text, why) => {
    const parsed = parseMultiaddr(text);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? "" : parsed.error).toContain(why);
    expect(parsed.ok ? "" : parsed.error).not.toContain("\n");
    expect(() => toAddress(text)).toThrow(TypeError);
  });
});
