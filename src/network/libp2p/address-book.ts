/**
 * Addresses of peers, in memory and in a small file, so that a node finds its network again without its bootstrap. An address is only a
 * hint: who answers there proves his name in the handshake. Bounded: `maxPeers` beside the validators, `maxAddresses` each.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import { parseMultiaddr } from "../address.ts";
import type { NetworkLog } from "../options.ts";
import { isPeerName } from "../peer-name.ts";

/** peers other than validators that are remembered; the one heard of first is forgotten */
const maxPeers = 256;
/** addresses of one peer; the least trusted is forgotten */
const maxAddresses = 8;
const maxFileBytes = 1024 * 1024;
const fileName = "peers.json";

export interface AddressBook {
  /**
   * Addresses that somebody said. A validator's word goes before what is known so far; other hearsay goes behind it, and where there is
   * no room it replaces other hearsay, so that nobody can fill the book with rubbish once and for all.
   */
  hint(peer: PeerName, addresses: readonly string[], trusted?: boolean): void;
  /** Addresses that the peer itself said, over an authenticated channel: they replace the hints. */
  said(peer: PeerName, addresses: readonly string[]): void;
  /** One that we just reached it at. */
  reached(peer: PeerName, address: string): void;
  /** Best first, each with the peer id at its end; `turn` rotates the list so that repeated dials begin elsewhere. */
  addresses(peer: PeerName, turn?: number): readonly string[];
  peers(): readonly PeerName[];
  forget(peer: PeerName): void;
  /** Writes the file if something changed since `minimumMs` ago; never throws. */
  save(minimumMs: number): void;
}

export interface AddressBookInit {
  readonly directory: string | undefined;
  readonly isValidator: (peer: PeerName) => boolean;
  readonly log: NetworkLog;
  /** milliseconds, monotonic */
  readonly now: () => number;
}

interface Entry {
  good?: string;
  addresses: string[];
}

/** The address as it is dialled: checked, and with this peer's id at its end; undefined for what this node can not dial. */
const normalized = (peer: PeerName, text: string): string | undefined => {
  const parsed = parseMultiaddr(text);
  if (!parsed.ok || parsed.address.port === 0) return undefined;
  if (parsed.address.peer !== undefined) return parsed.address.peer === peer ? parsed.address.text : undefined;
  return `${parsed.address.text}/p2p/${peer}`;
};

const readEntries = (path: string, log: NetworkLog): [PeerName, string[]][] => {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > maxFileBytes) throw new Error("too large");
    const file: unknown = JSON.parse(text);
    if (typeof file !== "object" || file === null || !("peers" in file) || typeof file.peers !== "object" || file.peers === null) {
      throw new Error("no peers in it");
    }
    return Object.entries(file.peers).flatMap(([peer, addresses]: [string, unknown]) => {
      if (!isPeerName(peer) || !Array.isArray(addresses)) return [];
      return [[toPeerName(peer), addresses.filter((address): address is string => typeof address === "string")] as [PeerName, string[]]];
    });
  } catch (error) {
    // a cache: without it the bootstrap addresses have to do
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") log("warn", "address book ignored", { path, error: String(error) });
    return [];
  }
};

/** Reads the book from `directory`, if there is one. */
export const createAddressBook = ({ directory, isValidator, log, now }: AddressBookInit): AddressBook => {
  const entries = new Map<PeerName, Entry>();
  const path = directory === undefined ? undefined : join(directory, fileName);
  let dirty = false;
  let savedAt = -Infinity;

  const entry = (peer: PeerName): Entry => {
    const found = entries.get(peer) ?? { addresses: [] };
    if (!entries.has(peer)) {
      const strangers = isValidator(peer) ? [] : [...entries.keys()].filter((name) => !isValidator(name));
      if (strangers.length >= maxPeers && strangers[0] !== undefined) entries.delete(strangers[0]);
      entries.set(peer, found);
    }
    return found;
  };
  const list = ({ good, addresses }: Entry): string[] => {
    if (good === undefined) return addresses;
    // the peer has told us other addresses since: it moved, or it sits behind a mapping that it does not announce
    return addresses.length === 0 || addresses.includes(good)
      ? [good, ...addresses.filter((address) => address !== good)]
      : [...addresses, good];
  };
  const usable = (peer: PeerName, addresses: readonly string[]): string[] => [
    ...new Set(addresses.map((text) => normalized(peer, text)).filter((text) => text !== undefined)),
  ];
  const put = (peer: PeerName, addresses: string[]): void => {
    const known = entry(peer);
    const next = addresses.slice(0, maxAddresses);
    if (next.length === known.addresses.length && next.every((address, index) => address === known.addresses[index])) return;
    known.addresses = next;
    dirty = true;
  };

  for (const [peer, addresses] of path === undefined ? [] : readEntries(path, log)) put(peer, usable(peer, addresses));
  dirty = false;

  return {
    hint(peer, addresses, trusted = false) {
      const known = entries.get(peer)?.addresses ?? [];
      const news = usable(peer, addresses).filter((address) => !known.includes(address));
      if (news.length === 0) return;
      put(peer, trusted ? [...news, ...known] : [...known.slice(0, maxAddresses - 1), ...news]);
    },
    said(peer, addresses) {
      const said = usable(peer, addresses);
      if (said.length > 0) put(peer, said);
    },
    reached(peer, address) {
      const good = normalized(peer, address);
      const known = entry(peer);
      if (good === undefined || known.good === good) return;
      known.good = good;
      dirty = true;
    },
    addresses(peer, turn = 0) {
      const known = entries.get(peer);
      if (known === undefined) return [];
      const all = list(known);
      const first = all.length === 0 ? 0 : turn % all.length;
      return [...all.slice(first), ...all.slice(0, first)];
    },
    peers: () => [...entries.keys()],
    forget(peer) {
      dirty = entries.delete(peer) || dirty;
    },
    save(minimumMs) {
      if (path === undefined || !dirty || now() - savedAt < minimumMs) return;
      savedAt = now();
      dirty = false;
      try {
        const peers = Object.fromEntries([...entries].map(([peer, known]) => [peer, list(known)]).filter(([, all]) => all?.length !== 0));
        writeFileSync(`${path}.tmp`, `${JSON.stringify({ version: 1, peers }, undefined, 1)}\n`, { mode: 0o600 });
        renameSync(`${path}.tmp`, path);
      } catch (error) {
        log("warn", "address book not written", { path, error: String(error) });
      }
    },
  };
};
