/**
 * A stage for scripts: a world whose every act and outcome is written down. The whole transcript is compared with the one in `transcripts/`, so that any
 * change of behaviour is read as a diff; what must hold in any case is asserted besides.
 *
 * `npm run test:unit -- test/scenarios -u` writes the transcripts again.
 */
import { join } from "node:path";
import { expect } from "vitest";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";
import type { Request, Verified } from "../../src/protocol/messages.ts";
import type { Packet } from "../consensus/world/packets.ts";
import { createWorld, type World, type WorldOptions } from "../consensus/world/world.ts";

/** What really arrives at `to` in place of `packet`: nothing, itself, or something else. */
export type Intercept = (packet: Packet, from: ReplicaIndex, to: ReplicaIndex) => readonly Packet[];

export interface Stage {
  readonly world: World;
  /** one line of the script */
  act(line: string, deed?: () => void): void;
  /** a client hands in a request at this node */
  request(at: number): Verified<Request>;
  /** Time passes, and what changed is written down. */
  wait(ms: number): void;
  /** Time passes until this is so; fails if it is not within `limitMs`. */
  until(line: string, condition: () => boolean, limitMs: number): void;
  intercept(line: string, filter: Intercept | undefined): void;
  executed(index: number): number;
  view(index: number): number;
  /** Every honest node has executed these, and all have one history. */
  agree(...requests: readonly Request[]): boolean;
  /** The transcript so far is that of `transcripts/<name>.txt`. */
  matches(name: string): Promise<void>;
}

const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`);

export const createStage = (title: string, options: WorldOptions): Stage => {
  const world = createWorld({ ...options, quality: { delayMs: 2, jitterMs: 0, ...options.quality } });
  const lines = [title, ""];
  const passed = new Map<number, string[]>();
  const before = new Map<number, number>();
  const { links } = world;
  const { direct, gossip } = links;
  const viewOf = (index: number): string => {
    const { isUp, replica } = world.node(index);
    const { view, active } = replica.status();
    return isUp ? `${view}${active ? "" : "?"}` : "down";
  };
  const observe = (): void => {
    for (const { index } of world.nodes) {
      const path = passed.get(index) ?? [];
      const now = viewOf(index);
      if (path.at(-1) !== now) passed.set(index, [...path, now]);
    }
  };
  /** Per node: the views it went through (`?`: left for it, not entered) and how far it executed. */
  const writeDown = (): void => {
    observe();
    for (const { index, replica } of world.nodes) {
      const { executed } = replica.status();
      const from = before.get(index) ?? 0;
      const path = passed.get(index) ?? [];
      lines.push(`  #${index}  view ${path.join(" → ")}, executed ${from === executed ? executed : `${from} → ${executed}`}`);
      before.set(index, executed);
      passed.set(index, path.slice(-1));
    }
  };
  observe();
  return {
    world,
    act(line, deed) {
      lines.push(`> ${line}`);
      deed?.();
    },
    request(at) {
      lines.push(`> a request at #${at}`);
      return world.request(at);
    },
    wait(ms) {
      lines.push(`> ${seconds(ms)} pass`);
      world.runUntil(() => {
        observe();
        return false;
      }, ms);
      writeDown();
    },
    until(line, condition, limitMs) {
      lines.push(`> until ${line}`);
      const came = world.runUntil(() => {
        observe();
        return condition();
      }, limitMs);
      writeDown();
      expect(came, `${lines.join("\n")}\nnot within ${seconds(limitMs)}`).toBe(true);
    },
    intercept(line, filter) {
      lines.push(`> ${line}`);
      links.direct = (from, to, packet) => {
        for (const one of filter?.(packet, from, to) ?? [packet]) direct(from, to, one);
      };
      // gossip is taken apart into its deliveries, so that a script can tell them from each other
      links.gossip = (from, packet) => {
        if (filter === undefined) return gossip(from, packet);
        for (const { index: to } of world.nodes) if (to !== from) links.direct(from, to, packet);
      };
    },
    executed: (index) => world.node(index).replica.status().executed,
    view: (index) => world.node(index).replica.status().view,
    agree: (...requests) => {
      const told = world.honest.map(({ replica }) => replica.describe());
      const settled = told.every(({ committed, executed }) => executed === committed && executed > 0);
      return (
        settled &&
        requests.every(world.executedEverywhere) &&
        new Set(world.honest.map(({ replica }) => replica.status().logHash)).size === 1
      );
    },
    matches: async (name) => {
      const evidence = [...world.judge.evidence].map(([kind, count]) => `${kind} × ${count}`).sort();
      const text = [...lines, "", `proofs held by honest nodes: ${evidence.join(", ") || "none"}`, ""].join("\n");
      await expect(text).toMatchFileSnapshot(join(import.meta.dirname, "transcripts", `${name}.txt`));
    },
  };
};

/** Filters of `intercept` name what is signed by its kind. */
export const kindOf = (packet: Packet): string => {
  if (packet.type === "signed") return packet.signed.message.kind;
  return packet.type === "proposal" ? "pre-prepare" : packet.type;
};
