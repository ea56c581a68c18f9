/** The first of so many seeded universes that breaks, as one line of JSON; run inside a workshop's copy of the sources. */
import { runScenario } from "../consensus/world/scenario.ts";
import { Violation } from "../consensus/world/judge.ts";

const count = Number(process.argv[2]);

/** What broke in this universe: the name of the invariant, or of the error that the replica threw. */
const breach = (seed: number): string | undefined => {
  try {
    const { violation } = runScenario({ seed });
    return violation?.invariant;
  } catch (error) {
    return error instanceof Violation ? error.invariant : `threw ${(error as Error).name}`;
  }
};

let found: { readonly seed?: number; readonly what: string } = { what: "nothing" };
for (let seed = 1; seed <= count && found.seed === undefined; seed += 1) {
  const what = breach(seed);
  if (what !== undefined) found = { seed, what };
}
console.log(JSON.stringify(found));
