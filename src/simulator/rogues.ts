/**
 * Clients that keep none of a client's rules, on top of the honest ones: one number for two requests, numbers far ahead and long past, more at once than
 * anybody may have outstanding, bytes that are no operation, signatures that are none, and the same request at every node, at one node only, or through a
 * liar that passes it on unchecked. Nobody owes them an answer; but what they do must not cost an honest client his, make two nodes' states differ, or
 * stay behind in anybody's pool, nor keep a node's plain users from being served (PROTOCOL §9).
 */
import { encodeOperation } from "../ledger/kv/encoding.ts";
import { createRequest } from "../wire/requests.ts";
import { encodeFrame } from "../wire/frames.ts";
import { sequencesPerMillisecond } from "../protocol/client-sequence.ts";
import type { PeerName } from "../protocol/ids.ts";
import type { Request } from "../protocol/messages.ts";
import { signRequest } from "../signing/signer.ts";
import { EPOCH_MS } from "./clock.ts";
import type { SimulatedNode } from "./node.ts";
import type { Staged } from "./universe.ts";
import type { World } from "./world.ts";

const ROGUES = 2;
/** more than the sessions of the smallest ledger that is drawn */
const CROWD = 20;
/** how far ahead of ledger time numbers may be (docs/ledger.md, "Sessions") */
const DAY_MS = 86_400_000;

/** Requests that belong together, in the order in which they are handed in. */
type Prank = () => readonly Request[];

const createPranks = (world: World): readonly Prank[] => {
  const { plan, schedule, key, signBytes, streams } = world;
  const random = streams("rogues");
  const keys = Array.from({ length: ROGUES }, (_, index) => key(`rogue ${index}`));
  let made = 0;
  const present = (): number => Math.floor(EPOCH_MS + schedule.now / 1000) * sequencesPerMillisecond;
  const put = (): Uint8Array =>
    encodeOperation({ type: "put", key: Buffer.from(`key ${random.int(plan.keys)}`), value: Buffer.from(`rogue ${(made += 1)}`) });
  const sign = (number: number, operations: readonly Uint8Array[] = [put()]): Request =>
    signRequest(random.pick(keys), signBytes, { sequence: Math.max(0, number), operations });
  const many = (count: number, number: (index: number) => number): readonly Request[] =>
    Array.from({ length: count }, (_, index) => sign(number(index)));
  return [
    // one number twice, with another content
    () => {
      const number = present() + random.int(4);
      return [sign(number), sign(number), sign(number)];
    },
    // as far ahead as may be, and farther
    () => [sign(present() + random.int(2 * DAY_MS) * sequencesPerMillisecond)],
    () => [sign(Number.MAX_SAFE_INTEGER)],
    // backwards, as far as a session remembers and farther
    () => many(plan.parameters.sessionWindow + 2, (index) => present() - index * random.int(3)),
    () => [sign(random.int(1000))],
    // more than may be outstanding
    () => many(plan.parameters.sessionWindow + 4, (index) => present() + index),
    // so many strangers, so far ahead, that the ledger forgets all others and takes nobody's number of today for new
    () =>
      Array.from({ length: CROWD }, () => {
        const operations = [put()];
        return signRequest(key(`stranger ${(made += 1)}`), signBytes, {
          sequence: present() + (DAY_MS - 100) * sequencesPerMillisecond,
          operations,
        });
      }),
    // no operation
    () => [sign(present(), [Uint8Array.of(), Uint8Array.of(255, random.int(256)), put().subarray(0, 3)])],
    // the ledger's own operations are for validators
    () => [sign(present(), [Uint8Array.of(0, 1, 0, 0), Uint8Array.of(0, random.int(256))])],
    // the signature of another request
    () => {
      const [one, other] = [sign(present()), sign(present() + 1)];
      return [createRequest(one, other.signature)];
    },
  ];
};

/** From the first moment until the core is healed. */
export const breakClientRules = (world: World): Staged => {
  const { schedule, nodes, gone, plan, streams, honest } = world;
  const random = streams("rogues");
  const pranks = createPranks(world);
  let active = true;

  const handIn = (request: Request, { assembly, process }: SimulatedNode): void =>
    process?.run(() => assembly?.desk.submission.submit(request.bytes, () => undefined));
  /** A liar answers for what it passes on, so nobody honest is given its name. */
  const passOn = (request: Request, { assembly, process, index }: SimulatedNode): void => {
    const liars = plan.liars.filter((liar) => liar !== index);
    if (liars.length === 0) return;
    const from = `peer-${random.pick(liars)}` as PeerName;
    process?.run(() => assembly?.handlers.onFrame(from, "sync", encodeFrame({ kind: "relay", requests: [request] })));
  };
  const play = (): void => {
    const up = nodes.filter((node) => node.assembly !== undefined && !gone.has(node));
    if (up.length === 0) return;
    const [favourite, way] = [random.pick(up), random.int(4)];
    for (const request of random.pick(pranks)()) {
      if (way === 0) for (const node of up) handIn(request, node);
      else if (way === 1) handIn(request, favourite);
      else if (way === 2) handIn(request, random.pick(up));
      else for (const node of up.filter((each) => honest.includes(each))) passOn(request, node);
    }
  };
  const goOn = (): void =>
    void schedule.after(random.exponential(2 * plan.thinkUs), () => {
      if (!active) return;
      play();
      goOn();
    });
  goOn();
  /** members of the core that have not ordered anything for a plain user since they were healed */
  const unserved = new Set<SimulatedNode>();
  const serve = (node: SimulatedNode): void =>
    void schedule.after(plan.restUs, () => {
      node.process?.run(() => node.assembly?.desk.gateway.barrier(({ ok }) => ok && unserved.delete(node)));
      if (unserved.has(node)) serve(node);
    });
  return {
    healed(core) {
      active = false;
      for (const node of core) {
        unserved.add(node);
        serve(node);
      }
    },
    isSettled: () => unserved.size === 0,
  };
};
