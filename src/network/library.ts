/** What the library under the network says of itself: its log and its counters, without any of its types. */

/** `debug` is each step, `warn` what failed: to the library also a refused dial, or a stream that a peer closed. */
export type LibraryLogLevel = "debug" | "warn";

/** Where the library's log goes; must not throw. */
export interface LibraryLog {
  /** asked before a line is put together: most are never wanted */
  wants(level: LibraryLogLevel): boolean;
  write(level: LibraryLogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** One family of its numbers. */
export interface LibraryFamily {
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  /** present where there are several numbers: what tells them apart */
  readonly label?: string;
  read(): Promise<readonly { readonly key?: string; readonly value: number }[]>;
}
