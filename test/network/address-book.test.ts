import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createAddressBook } from "../../src/network/libp2p/address-book.ts";
import type { AddressBook } from "../../src/network/libp2p/address-book.ts";
import type { PeerName } from "../../src/protocol/ids.ts";
import { createCleanup, names, temporaryDirectory } from "./support.ts";

const cleanup = createCleanup();
afterEach(() => cleanup.run());

const [alice, bob, ...others] = names(300) as [PeerName, PeerName, ...PeerName[]];
const tcp = (port: number, host = "127.0.0.1"): string => `/ip4/${host}/tcp/${port}`;
const of = (peer: PeerName, ...ports: number[]): string[] => ports.map((port) => `${tcp(port)}/p2p/${peer}`);

const open = (directory?: string, time = { now: 0 }): { book: AddressBook; warnings: string[]; time: { now: number } } => {
  const warnings: string[] = [];
  const log = (_: string, message: string): void => void warnings.push(message);
  return { book: createAddressBook({ directory, isValidator: (peer) => peer === alice, log, now: () => time.now }), warnings, time };
};

describe("the address book", () => {
  test("survives a restart, in a file that is replaced whole", () => {
    const directory = temporaryDirectory(cleanup);
    const { book } = open(directory);
    book.said(alice, [tcp(1)]);
    book.hint(bob, [tcp(2), tcp(3)]);
    book.save(0);
    expect(readdirSync(directory)).toEqual(["peers.json"]);
    const again = open(directory).book;
    expect(again.addresses(alice)).toEqual(of(alice, 1));
    expect(again.addresses(bob)).toEqual(of(bob, 2, 3));
  });

  test("puts first what worked, then what the peer says; its word replaces hearsay", () => {
    const { book } = open();
    book.hint(alice, [tcp(1), tcp(2)]);
    book.reached(alice, tcp(2));
    expect(book.addresses(alice)).toEqual(of(alice, 2, 1));
    book.said(alice, [tcp(5), tcp(2)]);
    expect(book.addresses(alice)).toEqual(of(alice, 2, 5));
    // it has moved
    book.said(alice, [tcp(6)]);
    expect(book.addresses(alice)).toEqual(of(alice, 6, 2));
    expect(book.addresses(alice, 1)).toEqual(of(alice, 2, 6));
  });

  test("takes no address that names another peer or can not be dialled", () => {
    const { book } = open();
    book.hint(alice, [`${tcp(1)}/p2p/${bob}`, "/ip4/1.2.3.4/udp/1/quic-v1", tcp(0), "nonsense", "x".repeat(10_000)]);
    expect(book.addresses(alice)).toEqual([]);
    expect(book.peers()).toEqual([]);
  });

  test("is bounded in peers and in addresses, and hearsay pushes out no validator", () => {
    const { book } = open();
    book.said(alice, [tcp(1)]);
    for (const peer of others)
      book.hint(
        peer,
        Array.from({ length: 50 }, (_, port) => tcp(port + 1)),
      );
    expect(book.peers()).toHaveLength(257);
    expect(book.addresses(alice)).toEqual(of(alice, 1));
    expect(book.addresses(others.at(-1) as PeerName)).toHaveLength(8);
  });

  test("is written at a bounded rate, and only when something changed", () => {
    const directory = temporaryDirectory(cleanup);
    const { book, time } = open(directory);
    const written = (): string => readFileSync(join(directory, "peers.json"), "utf8");
    book.said(alice, [tcp(1)]);
    book.save(1000);
    book.said(alice, [tcp(2)]);
    time.now = 999;
    book.save(1000);
    expect(written()).toContain("/tcp/1/");
    time.now = 1000;
    book.save(1000);
    expect(written()).toContain("/tcp/2/");
    writeFileSync(join(directory, "peers.json"), "untouched");
    book.said(alice, [tcp(2)]);
    book.save(0);
    expect(written()).toBe("untouched");
  });

  test.each(["", "{", "[]", "null", '{"peers":7}', `{"peers":{"nobody":["${tcp(1)}"],"${"x".repeat(100)}":7}}`])(
    "starts empty from a file with %s",
    (content) => {
      const directory = temporaryDirectory(cleanup);
      writeFileSync(join(directory, "peers.json"), content);
      const { book, warnings } = open(directory);
      expect(book.peers()).toEqual([]);
      expect(warnings).toEqual(content.startsWith('{"peers":{') ? [] : ["address book ignored"]);
    },
  );
});
