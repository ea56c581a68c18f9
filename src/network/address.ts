/** Multiaddrs as people write them: checked once, at the border, with an error that says what is wrong. */
import { multiaddr } from "@multiformats/multiaddr";
import type { PeerName } from "../protocol/ids.ts";
import { isPeerName } from "./peer-name.ts";

type AddressHost = "ip4" | "ip6" | "dns" | "dns4" | "dns6";

/** A checked address of a node: a host and a TCP port, and the peer expected there when it is written. */
export interface Address {
  /** the canonical text, with the peer id if one was given */
  readonly text: string;
  readonly hostKind: AddressHost;
  readonly host: string;
  /** 0 to 65535; 0 only makes sense for listening */
  readonly port: number;
  readonly peer?: PeerName;
}

export type ParsedAddress = { readonly ok: true; readonly address: Address } | { readonly ok: false; readonly error: string };

/** characters of an address; a DNS name of 253 and a peer id fit */
const maxAddressLength = 512;
const hostKinds: ReadonlySet<string> = new Set<AddressHost>(["ip4", "ip6", "dns", "dns4", "dns6"]);
const example = "/ip4/192.0.2.1/tcp/27656/p2p/<peer id>";

const fail = (text: string, why: string): ParsedAddress => ({
  ok: false,
  error: `${JSON.stringify(text.slice(0, 100))} is not an address of a node: ${why} (an address looks like ${example})`,
});

type Part = { readonly name: string; readonly value?: string };

const components = (text: string): Part[] | string => {
  try {
    return multiaddr(text)
      .getComponents()
      .map(({ name, value }) => (value === undefined ? { name } : { name, value }));
  } catch (error) {
    return error instanceof Error ? error.message : "it can not be parsed";
  }
};

/** The address that the parts spell, or what is wrong with them. */
const assembled = ([host, transport, peer, ...rest]: readonly Part[]): Address | string => {
  if (host?.value === undefined || !hostKinds.has(host.name)) return "it does not begin with a host (ip4, ip6, dns, dns4, dns6)";
  if (transport?.name !== "tcp" || transport.value === undefined) return "no /tcp/PORT follows the host";
  if (rest.length > 0) return "only /p2p/PEER may follow the port";
  const text = `/${host.name}/${host.value}/tcp/${transport.value}`;
  const address = { text, hostKind: host.name as AddressHost, host: host.value, port: Number(transport.value) };
  if (peer === undefined) return address;
  if (peer.name !== "p2p") return "only /p2p/PEER may follow the port";
  const name = peer.value ?? "";
  return isPeerName(name)
    ? { ...address, text: `${text}/p2p/${name}`, peer: name }
    : "the peer id is not an Ed25519 one in its base58 form";
};

/**
 * Reads `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/PEER]`. Never throws. Anything libp2p could parse but this node can not dial
 * (UDP, relays, web sockets, other key types than Ed25519) is refused, so that a mistyped flag is not silently ignored.
 */
export const parseMultiaddr = (text: string): ParsedAddress => {
  if (text.length > maxAddressLength) return fail(text, `it is longer than ${maxAddressLength} characters`);
  if (!text.startsWith("/")) return fail(text, "it does not start with /");
  const parts = components(text);
  const address = typeof parts === "string" ? parts : assembled(parts);
  return typeof address === "string" ? fail(text, address) : { ok: true, address };
};

/**
 * As {@link parseMultiaddr}.
 * @throws TypeError with the same text, for callers that treat a bad address as a bad configuration
 */
export const toAddress = (text: string): Address => {
  const parsed = parseMultiaddr(text);
  if (!parsed.ok) throw new TypeError(parsed.error);
  return parsed.address;
};
