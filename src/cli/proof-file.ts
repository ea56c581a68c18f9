/** Proofs in files, for `byz prove verify`. */
import { writeFileSync } from "node:fs";
import { CliError, exitCodes } from "./errors.ts";
import type { Session } from "./session.ts";

/** @throws CliError `unwritable` */
export const writeProofFile = (session: Session, file: string, document: unknown): void => {
  try {
    writeFileSync(file, `${JSON.stringify(document, undefined, 2)}\n`);
  } catch (cause) {
    throw new CliError({ code: "unwritable", message: `${file}: ${(cause as Error).message}`, exitCode: exitCodes.failed, cause });
  }
  session.note(`the proof is in ${file}; check it with: byz prove verify ${file} --genesis FILE`);
};
