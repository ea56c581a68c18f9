/** Shared documents on the network (PROTOCOL §11; docs/documents.md "Synchronisation"): who is told what, and when. */
import { openDocuments } from "../../documents/documents.ts";
import type { Documents } from "../../documents/documents.ts";
import type { ForkProof } from "../../documents/fork.ts";
import { decodeMessage, encodeMessage } from "../../documents/messages.ts";
import type { DocumentMessage } from "../../documents/messages.ts";
import type { DocumentName, GenuineOperation, SignatureRule } from "../../documents/operation.ts";
import type { Network } from "../../network/port.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Store, StoreError } from "../../storage/port.ts";
import { encodeFrame } from "../../wire/frames.ts";
import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Identity } from "../home/identity.ts";

export interface SharingOptions {
  readonly store: Store;
  readonly identity: Pick<Identity, "committee" | "signBytes" | "validatorKey">;
  readonly network: Pick<Network, "send" | "peers" | "blame">;
  readonly clock: Pick<Clock, "now">;
  readonly counters: () => Counters;
  /** in place of the strict rule of signatures, in a simulation */
  readonly isValid?: SignatureRule;
  /** an author was found to have forked his history: proof for everyone */
  readonly forked: (proof: ForkProof) => void;
  readonly storeFailed: (error: StoreError) => void;
}

/** A document has these operations more, parents first; or none, and an author was found to have forked it. */
export type DocumentListener = (name: DocumentName, added: readonly GenuineOperation[]) => void;

export interface Sharing {
  readonly documents: Documents;
  /** Calls `listener` at each change from now on. */
  listen(listener: DocumentListener): void;
  /** peers can be talked to that could not, though their channels were up: everything is told at the next tick */
  meet(): void;
  /** Nothing of the others' has come for a moment, since everything was told them. */
  readonly settled: boolean;
  /** a peer can be talked to */
  greet(peer: PeerName): void;
  /** a peer's message */
  receive(from: PeerName, bytes: Uint8Array): void;
  /** Tells the peers what changed, and now and then everything. Call it about ten times a second. */
  tick(): void;
  /** Nothing is taken or told any more; resolves when what was taken is done. */
  stop(): Promise<void>;
}

/** what a lost message can cost at most */
const overviewIntervalMs = 5_000;
/** what is not answered within this time has nothing to answer, milliseconds */
const settledAfterMs = 500;
/** changed documents told in one tick; the others wait for the next */
const changesPerTick = 32;

/** @throws StoreError `corrupt` */
export const createSharing = async (options: SharingOptions): Promise<Sharing> => {
  const { store, network, clock } = options;
  const { committee, signBytes, validatorKey } = options.identity;
  const authors = new Set(committee.validators.map(({ publicKey }) => publicKey));
  /** no more than there are documents */
  const changed = new Set<DocumentName>();
  const running = new Set<Promise<void>>();
  const listeners: DocumentListener[] = [];
  let cursor: DocumentName | undefined;
  /** when something was told or merged last */
  let movedAt = clock.now();
  let overviewAt = 0;
  let stopped = false;

  const documents = await openDocuments({
    store,
    signBytes,
    ...(validatorKey === undefined ? {} : { key: validatorKey }),
    isAuthor: (key) => authors.has(key),
    isValid: options.isValid,
    onChange(name, added) {
      changed.add(name);
      for (const listener of listeners) listener(name, added);
    },
  });

  const send = (to: PeerName, message: DocumentMessage): void => {
    network.send(to, "sync", encodeFrame({ kind: "documents", bytes: encodeMessage(message) }));
  };
  const tellAll = (message: DocumentMessage): void => {
    for (const { peer } of network.peers()) send(peer, message);
  };
  /** A failed store stops the node; nothing else is thrown there. */
  const run = (work: () => Promise<void>): void => {
    const task = work().catch((error: unknown) => {
      if (!stopped) options.storeFailed(error as StoreError);
    });
    running.add(task);
    void task.finally(() => running.delete(task));
  };
  const handle = async (from: PeerName, message: DocumentMessage): Promise<void> => {
    const { answers, merged, forks, blame, dropped } = await documents.receive(message);
    if (stopped) return;
    if (merged > 0) {
      movedAt = clock.now();
      options.counters().count("documents.merged", merged);
    }
    if (dropped === true) options.counters().count("dropped.documents-backlog");
    if (blame !== undefined) network.blame(from, blame);
    for (const proof of forks) options.forked(proof);
    for (const answer of answers) send(from, answer);
  };
  const tellChanges = async (): Promise<void> => {
    for (const name of [...changed].slice(0, changesPerTick)) {
      changed.delete(name);
      tellAll(await documents.summary(name));
    }
  };

  return {
    documents,
    listen: (listener) => void listeners.push(listener),
    meet() {
      movedAt = clock.now();
      overviewAt = movedAt;
      cursor = undefined;
    },
    get settled() {
      return running.size === 0 && clock.now() - movedAt >= settledAfterMs;
    },
    greet(peer) {
      if (stopped) return;
      movedAt = clock.now();
      send(peer, documents.overview().message);
    },
    receive(from, bytes) {
      if (stopped) return;
      const decoded = decodeMessage(bytes);
      if (decoded.ok) run(() => handle(from, decoded.value));
      else network.blame(from, `malformed: ${decoded.error.reason}`);
    },
    tick() {
      if (stopped) return;
      if (changed.size > 0) run(tellChanges);
      if (clock.now() < overviewAt) return;
      overviewAt = clock.now() + overviewIntervalMs;
      const { message, next } = documents.overview(cursor);
      cursor = next;
      tellAll(message);
    },
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
};
