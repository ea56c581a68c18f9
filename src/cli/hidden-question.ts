/** A question on a terminal whose answer is not shown. */
import { CliError, exitCodes } from "./errors.ts";

/** As far as it is needed of a terminal; tests give their own. */
export interface Terminal {
  readonly input: Pick<NodeJS.ReadStream, "setRawMode" | "on" | "off" | "resume" | "pause">;
  readonly output: { write(text: string): unknown };
  /** ends when the process is asked to stop */
  readonly signal: AbortSignal;
}

/** bytes of an answer at most; more are not taken */
export const maxAnswerBytes = 1024;

const ctrlC = 0x03;
const ctrlD = 0x04;
const ctrlU = 0x15;
const isBackspace = (byte: number): boolean => byte === 0x7f || byte === 0x08;
const isEnd = (byte: number): boolean => byte === 0x0d || byte === 0x0a || byte === ctrlD;
/** of a character that is not its first byte, in UTF-8 */
const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

const interrupted = (): CliError =>
  new CliError({ code: "interrupted", message: "interrupted", hint: "nothing was changed", exitCode: exitCodes.interrupted });

/** One line, edited with Backspace and Ctrl-U, in memory that is overwritten afterwards. */
const createLine = () => {
  const bytes = Buffer.alloc(maxAnswerBytes);
  let length = 0;
  const shorten = (to: number): void => {
    bytes.fill(0, to, length);
    length = to;
  };
  return {
    /** @returns true at the end of the line */
    take(byte: number): boolean {
      if (isEnd(byte)) return true;
      if (byte === ctrlU) shorten(0);
      else if (isBackspace(byte)) {
        let at = Math.max(0, length - 1);
        while (at > 0 && isContinuation(bytes[at] ?? 0)) at -= 1;
        shorten(at);
      } else if (byte >= 0x20 && length < maxAnswerBytes) bytes[length++] = byte;
      return false;
    },
    /** a copy */
    answer: (): Uint8Array => Uint8Array.from(bytes.subarray(0, length)),
    forget: (): void => shorten(0),
  };
};

/**
 * Asks, and reads one line in raw mode. The terminal is as it was afterwards.
 *
 * @returns the answer's bytes, at most 1024, for the caller to overwrite; none when Ctrl-D ended it at once
 * @throws CliError `interrupted` (130) at Ctrl-C, or when the process is asked to stop
 */
export const askHidden = ({ input, output, signal }: Terminal, question: string): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const line = createLine();
    const finish = (end: () => void): void => {
      input.off("data", read);
      input.setRawMode(false);
      input.pause();
      signal.removeEventListener("abort", stop);
      output.write("\n");
      end();
      line.forget();
    };
    const stop = (): void => finish(() => reject(interrupted()));
    const read = (chunk: Buffer): void => {
      for (const byte of chunk) {
        if (byte === ctrlC) return stop();
        if (line.take(byte)) return finish(() => resolve(line.answer()));
      }
    };
    if (signal.aborted) return reject(interrupted());
    signal.addEventListener("abort", stop, { once: true });
    // first of all: what is typed once the question is there must not be shown
    input.setRawMode(true);
    input.on("data", read);
    input.resume();
    output.write(question);
  });
