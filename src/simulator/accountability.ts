/** More than f validators fork the ledger: every honest node has to find out by itself, stop, and hold a proof that names enough of them (PROTOCOL §10). */
import { culpritsOf, signersOfBoth } from "../protocol/evidence.ts";
import type { SimulatedNode } from "./node.ts";
import type { Staged } from "./universe.ts";
import type { World } from "./world.ts";

const hasStopped = ({ assembly, data }: SimulatedNode): boolean =>
  assembly?.engine.replica.describe().halted?.reason === "conflicting-commit" && data?.evidence.fork !== undefined;

/**
 * What is wrong with a node's proof. Certificates of one view, or of one checkpoint, convict f + 1; those of two views, without the NEW-VIEW between them, tell who signed both, which
 * an honest validator may have been led to.
 */
const judgeProofs = (world: World): void => {
  const { f } = world.plan;
  for (const { index, data } of world.honest) {
    const fork = data?.evidence.fork;
    if (fork === undefined) continue;
    const [guilty, both] = [culpritsOf(fork), signersOfBoth(fork)];
    if (both.length <= f) world.violate("accountability", `#${index} names ${both.length} that signed both, and ${f + 1} must have`);
    if (guilty.length <= f && (fork.kind === "conflicting-stable-checkpoints" || fork.first.view === fork.second.view))
      world.violate("accountability", `#${index} convicts ${guilty.length} validators, with two certificates that leave no doubt`);
    const innocent = guilty.find((each) => world.honest.some((node) => node.index === each));
    if (innocent !== undefined) world.violate("accountability", `#${index} convicts #${innocent}, who is honest`);
  }
};

/** Nothing else can be asked of a ledger that is forked. */
export const accountabilityInvariants = ["accountability", "awaited", "detection-soundness", "no-throw"] as const;

export const demandProofs = (world: World): Staged => ({
  awaited: {
    what: "every honest node stops with a proof",
    isReached() {
      if (!world.honest.every(hasStopped)) return false;
      judgeProofs(world);
      return true;
    },
  },
});
