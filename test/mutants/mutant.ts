/** A deliberate fault: one change of the source that a test or a seed has to notice (docs/mutants.md). */

/** What is to notice it, the cheapest that does: so many seeded universes of the replica's world, or one file of tests. */
export type Killer = { readonly seeds: number } | { readonly tests: string };

export interface Mutant {
  /** in lower case, with hyphens */
  readonly name: string;
  /** in src; its first folder is the mutant's room */
  readonly file: string;
  /** occurs exactly once in the file */
  readonly find: string;
  readonly replace: string;
  /** what is wrong with it, in one line */
  readonly fault: string;
  readonly killer: Killer;
}

export const roomOf = ({ file }: Mutant): string => file.split("/")[0] ?? "";

/** The source of its file no longer has the place that the mutant changes, or has it twice: the mutant must be rewritten. */
export class PatternError extends Error {
  constructor({ name, file, find }: Mutant, occurrences: number) {
    super(`${name}: src/${file} has its pattern ${occurrences} times, not once: ${find.split("\n")[0]}`);
    this.name = "PatternError";
  }
}

/**
 * The mutated text of its file.
 *
 * @throws PatternError
 */
export const plant = (mutant: Mutant, source: string): string => {
  const parts = source.split(mutant.find);
  if (parts.length !== 2) throw new PatternError(mutant, parts.length - 1);
  return parts.join(mutant.replace);
};
