/** Where a command reads from and writes to; tests give their own. */

export interface Io {
  /** what people and programs asked for */
  stdout(text: string | Uint8Array): void;
  /** progress, logs, errors */
  stderr(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** true when stdout is a terminal that shows colours */
  readonly colour: boolean;
  /** ends when the user interrupts */
  readonly signal: AbortSignal;
  /** everything on standard input */
  stdin(): Promise<Uint8Array>;
}

const readStandardInput = async (): Promise<Uint8Array> => {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** This process's own. */
export const createProcessIo = (signal: AbortSignal): Io => ({
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  environment: process.env,
  colour: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
  signal,
  stdin: readStandardInput,
});
