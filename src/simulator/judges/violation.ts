/** What a judge says when an invariant does not hold; the first one ends the run. */
export interface Violation {
  /** name of the invariant, as docs/simulation.md lists them */
  readonly invariant: string;
  readonly detail: string;
  /** validators that what honest nodes hold convicts: at least f + 1 where more than f lied, and never an honest one */
  readonly culprits?: readonly number[];
}

export type Violate = (invariant: string, detail: string, culprits?: readonly number[]) => void;
