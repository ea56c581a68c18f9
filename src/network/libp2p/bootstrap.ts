/** Dials the nodes that the operator named: the way in, and back in when everybody else is lost. Bounded by that list. */
import { multiaddr } from "@multiformats/multiaddr";
import type { Libp2p } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Address } from "../address.ts";
import type { Shared } from "./shared.ts";

export interface BootstrapInit extends Shared {
  readonly libp2p: Libp2p;
  readonly addresses: readonly Address[];
  /** connected to this peer, or not allowed to be */
  readonly settled: (peer: PeerName) => boolean;
  readonly backoff: (failures: number) => number;
  /** how long a dial may take after this many failures */
  readonly patience: (failures: number) => AbortSignal;
}

interface Target {
  readonly address: Address;
  peer?: PeerName;
  nextDial: number;
  failures: number;
  dialling: boolean;
}

/** dials of one bootstrap node while others are connected */
const lazyMs = 5000;
/** failures in a row after which the operator is told, once */
const failuresBeforeWarning = 5;

/** `tick(alone)` dials who is due; `alone` when no peer at all is connected, which makes it urgent. */
export const createBootstrapDialer = (init: BootstrapInit): { tick(alone: boolean): void } => {
  const { libp2p, counters, log, now } = init;
  const targets = init.addresses.map((address): Target => ({
    address,
    ...(address.peer === undefined ? {} : { peer: address.peer }),
    nextDial: 0,
    failures: 0,
    dialling: false,
  }));
  let wasAlone = true;

  const dial = async (target: Target): Promise<void> => {
    target.dialling = true;
    counters.bootstrapDials += 1;
    try {
      const connection = await libp2p.dial(multiaddr(target.address.text), { signal: init.patience(target.failures) });
      target.peer = toPeerName(connection.remotePeer.toString());
      target.failures = 0;
      target.nextDial = now() + init.backoff(1);
    } catch (error) {
      counters.dialFailures += 1;
      target.failures += 1;
      target.nextDial = now() + (wasAlone ? init.backoff(target.failures) : lazyMs);
      const level = target.failures === failuresBeforeWarning ? "warn" : "debug";
      log(level, "bootstrap node not reached", { address: target.address.text, error: String(error) });
    } finally {
      target.dialling = false;
    }
  };
  const isOurs = ({ address, peer }: Target): boolean =>
    peer === undefined && libp2p.getMultiaddrs().some((own) => own.toString().startsWith(`${address.text}/`));

  return {
    tick(alone) {
      const urgent = alone && !wasAlone;
      wasAlone = alone;
      for (const target of targets) {
        if (urgent) target.nextDial = Math.min(target.nextDial, now() + init.backoff(1));
        if (target.dialling || target.nextDial > now() || (target.peer !== undefined && init.settled(target.peer)) || isOurs(target))
          continue;
        void dial(target);
      }
    },
  };
};
