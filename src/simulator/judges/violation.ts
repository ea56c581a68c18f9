/** What a judge says when an invariant does not hold; the first one ends the run. */
export interface Violation {
  /** name of the invariant, as docs/simulation.md lists them */
  readonly invariant: string;
  readonly detail: string;
}

export type Violate = (invariant: string, detail: string) => void;
