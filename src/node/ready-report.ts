/** Whether a node is fit to be used, check by check (`/readyz`). */

export interface ReadyCheck {
  /** stable, such as `storage`, `sync`, `quorum` */
  readonly name: string;
  readonly ok: boolean;
  /** why not; when ok, may say what was found */
  readonly reason?: string;
}

/** `GET /readyz`: ready when every check is ok. */
export interface ReadyReport {
  readonly ready: boolean;
  readonly checks: readonly ReadyCheck[];
}
