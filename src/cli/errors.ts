/** What went wrong, in one line, with the exit status that it deserves (docs/operators.md "Exit status"). */

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  /** configuration, genesis, key or data is not valid */
  invalid: 3,
  noNode: 4,
  /** no quorum, or the outcome is not known in time */
  noQuorum: 5,
  unverified: 6,
  interrupted: 130,
} as const;

/** A command's own complaint. */
export class CliError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
  constructor(init: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly exitCode: number;
    readonly cause?: unknown;
  }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "CliError";
    this.code = init.code;
    this.hint = init.hint;
    this.exitCode = init.exitCode;
  }
}

/** The command line itself is wrong: exit status 2. */
export const usageError = (message: string, hint = "see --help of the command"): CliError =>
  new CliError({ code: "usage", message, exitCode: exitCodes.usage, hint });

export interface Complaint {
  readonly code: string;
  readonly message: string;
  /** what to do about it */
  readonly hint: string;
  readonly exitCode: number;
}

/** for errors that say no better */
const anyHint = "add --trace to see where it comes from";

/** Errors of the rooms below, by name: their modules are not loaded just to recognise them. */
const complaintByName: Readonly<Record<string, Omit<Complaint, "message" | "hint"> & { readonly hint?: string }>> = {
  ConfigError: { code: "invalid_config", hint: "correct it; `byz config validate` checks again", exitCode: exitCodes.invalid },
  GenesisError: { code: "invalid_genesis", hint: "get the genesis that the network's founders agreed on", exitCode: exitCodes.invalid },
  HomeError: { code: "invalid_home", exitCode: exitCodes.invalid },
  KeyFileError: { code: "invalid_key", exitCode: exitCodes.invalid },
  StoreError: { code: "invalid_data", exitCode: exitCodes.invalid },
  RecordError: { code: "invalid_data", exitCode: exitCodes.invalid },
  LedgerError: { code: "invalid_data", exitCode: exitCodes.invalid },
  BackupError: { code: "invalid_backup", hint: "take one with `byz backup FILE`", exitCode: exitCodes.invalid },
  VerificationError: { code: "verification_failed", hint: "use another backup", exitCode: exitCodes.unverified },
  NodeError: { code: "invalid_home", exitCode: exitCodes.invalid },
};

const textOf = (error: unknown, key: "code" | "hint"): string | undefined => {
  const value: unknown = typeof error === "object" && error !== null ? (error as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? value : undefined;
};

const storeComplaint = (code: string | undefined): Omit<Complaint, "message"> => {
  if (code === "locked") return { code: "locked", hint: "another byz process uses this home; stop it first", exitCode: exitCodes.failed };
  if (code === "full") return { code: "disk_full", hint: "make room and start again", exitCode: exitCodes.failed };
  if (code === "corrupt")
    return {
      code: "invalid_data",
      hint: "`byz start --repair` sets the damaged data aside and fetches it anew from the other nodes",
      exitCode: exitCodes.invalid,
    };
  return { code: "storage", hint: "see the log, and whether the disk is in order", exitCode: exitCodes.failed };
};

/** Of encrypted keys; others are told by their name alone. */
const keyComplaints: Readonly<Record<string, Omit<Complaint, "message">>> = {
  encrypted: {
    code: "passphrase_needed",
    hint: "name a file with --passphrase-file or BYZ_PASSPHRASE_FILE, or run this in a terminal",
    exitCode: exitCodes.invalid,
  },
  missing: { code: "invalid_key", hint: "check --home, or make one with `byz init`", exitCode: exitCodes.invalid },
  permissions: { code: "invalid_key", hint: "chmod 600 it", exitCode: exitCodes.invalid },
  "wrong-passphrase": { code: "wrong_passphrase", hint: "give the right one; nothing was changed", exitCode: exitCodes.invalid },
};

const otherAddress = "choose another with --listen or --api";

const tokenHint = "give the file api.token of that node's home with --token-file";

/** for errors that bring no hint, by what the system or a node called them */
const hintByCode: Readonly<Record<string, string>> = {
  invalid_request: "correct it; --help of the command tells more",
  too_large: "send less at once",
  no_node: "try again, or ask another one with --api",
  in_use: otherAddress,
  not_available: otherAddress,
  not_allowed: otherAddress,
  EADDRINUSE: `another program uses that port; ${otherAddress}`,
  EACCES: "you lack the permission",
  EPERM: "you lack the permission",
  ENOSPC: "make room and try again",
};

/** What the system says of a file, in the order in which people would: `ENOENT: no such file or directory, open 'f'` → `f: no such file or directory`. */
const plainly = (message: string): { readonly message: string; readonly hint?: string } => {
  const [, before, code = "", words = "", path = ""] = /^(?:(.+): )?(E[A-Z]+): ([^,]+), \w+ '([^']*)'/.exec(message) ?? [];
  if (code === "") return { message };
  return { message: `${before ?? path}: ${words}`, hint: hintByCode[code] ?? "check the path" };
};

/** What the command line calls otherwise than HTTP does wins over what the node advises. */
const withHint = (complaint: Omit<Complaint, "hint">, hint?: string): Complaint => ({
  ...complaint,
  hint: (complaint.code === "unauthorized" ? tokenHint : hint) ?? hintByCode[complaint.code] ?? anyHint,
});

/** Any error as one line; never throws. */
export const complaintOf = (error: unknown): Complaint => {
  if (!(error instanceof Error)) return withHint({ code: "internal", message: String(error), exitCode: exitCodes.failed });
  const { message, hint } = plainly(error.message.replaceAll(/\s*\n\s*/g, " "));
  const code = textOf(error, "code");
  const own: unknown = "exitCode" in error ? error.exitCode : undefined;
  if (typeof own === "number") return withHint({ code: code ?? "failed", message, exitCode: own }, textOf(error, "hint") ?? hint);
  if (error.name === "StoreError") return { ...storeComplaint(code), message };
  const ofKey = error.name === "KeyFileError" ? keyComplaints[code ?? ""] : undefined;
  if (ofKey !== undefined) return { ...ofKey, message };
  const known = complaintByName[error.name];
  if (known !== undefined) return withHint({ ...known, message }, textOf(error, "hint") ?? known.hint ?? hint);
  return withHint({ code: code ?? "internal", message, exitCode: exitCodes.failed }, hint);
};
