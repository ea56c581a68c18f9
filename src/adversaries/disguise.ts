/** A real node's disguise: the acts of `cast.ts` between it and its network and clients, changed while it runs. Test networks only. */
import type { Network, NetworkHandlers } from "../network/port.ts";
import type { CreateDisguise, Masquerade } from "../node/disguise.ts";
import type { NodeService } from "../node/service.ts";
import { createSigner } from "../signing/signer.ts";
import { type Act, actOf } from "./cast.ts";
import type { AdversaryKit } from "./kit.ts";

/** what one core can sign and say, beside the honest node behind it */
const FLOOD_RATE = 1_000;

/** What an act that is over had put off is never done. */
const kitOf = ({ committee, self, validatorKey, signBytes, clock }: Masquerade, isOver: () => boolean): AdversaryKit => ({
  committee,
  self,
  signer: createSigner(validatorKey, signBytes),
  signBytes,
  random: Math.random,
  floodRate: FLOOD_RATE,
  after: (delayMs, run) => void clock.after(delayMs, () => isOver() || run()),
});

/** Honest to the letter until it is told otherwise. */
export const createDisguise: CreateDisguise = (who) => {
  let act: Act | undefined;
  let performance = 0;
  /** on its stages: the network and the clients, once there are any */
  const stages: ((act: Act, kit: AdversaryKit) => void)[] = [];
  const perform = (stage: (typeof stages)[number], number = performance): void => {
    if (act !== undefined)
      stage(
        act,
        kitOf(who, () => performance !== number),
      );
  };

  return {
    network(network) {
      /** of the node */
      let own: NetworkHandlers | undefined;
      /** what hears the network at present */
      let ears: NetworkHandlers | undefined;
      const wire: Network = {
        ...network,
        start: (handlers) => {
          ears = handlers;
          return Promise.resolve();
        },
      };
      let worn = wire;
      const stage = (next: Act, kit: AdversaryKit): void => {
        worn = next.network(wire, kit);
        if (own !== undefined) void worn.start(own);
      };
      stages.push(stage);
      return {
        ...network,
        send: (to, channel, frame) => worn.send(to, channel, frame),
        publish: (data) => worn.publish(data),
        start: (handlers) => {
          own = ears = handlers;
          perform(stage);
          return network.start({
            onFrame: (from, channel, frame) => ears?.onFrame(from, channel, frame),
            onGossip: (from, data, verdict) => ears?.onGossip(from, data, verdict),
            onPeer: (peer, up) => ears?.onPeer(peer, up),
          });
        },
        stop: () => {
          performance += 1;
          return network.stop();
        },
      };
    },
    service(service) {
      let worn = service;
      const stage = (next: Act, kit: AdversaryKit): void => {
        worn = next.clients?.(service, kit) ?? service;
      };
      stages.push(stage);
      perform(stage);
      return new Proxy(service, { get: (_, name: keyof NodeService) => worn[name] });
    },
    wear(behaviour) {
      const next = actOf(behaviour);
      if (next === undefined) return false;
      if (act === undefined && behaviour === "honest") return true;
      act = next;
      performance += 1;
      for (const stage of stages) perform(stage);
      return true;
    },
  };
};
