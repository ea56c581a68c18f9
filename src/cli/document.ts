/** JSON documents that somebody hands over, to be verified offline. */
import { readFileSync, statSync } from "node:fs";
import { CliError, exitCodes } from "./errors.ts";

/** It says something that does not hold: exit status 6. */
export const provesNothing = (file: string, reason: string): CliError =>
  new CliError({
    code: "verification_failed",
    message: `${file} proves nothing: ${reason}`,
    hint: "do not believe what it says",
    exitCode: exitCodes.unverified,
  });

/** @throws CliError `unreadable`, also beyond `maxBytes`; `verification_failed` when it is no JSON */
export const readDocument = (file: string, maxBytes: number): unknown => {
  let text: string;
  try {
    if (statSync(file).size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CliError({ code: "unreadable", message: `${file}: ${(cause as Error).message}`, exitCode: exitCodes.failed, cause });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw provesNothing(file, "it is not JSON");
  }
};
