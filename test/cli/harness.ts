/** Runs command lines in this process, against a home of their own and a node that is only HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { runCli } from "../../src/cli/main.ts";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  readonly signal?: AbortSignal;
  /** what a person at the terminal answers, one question after the other; no terminal when absent */
  readonly answers?: readonly string[];
  /** standard output is one */
  readonly terminal?: boolean;
  /** told of each piece of output */
  readonly onStdout?: () => void;
}

export const run = async (args: readonly string[], options: RunOptions = {}): Promise<Ran> => {
  const stdout: Buffer[] = [];
  let stderr = "";
  const answers = [...(options.answers ?? [])];
  const askHidden = async (question: string): Promise<Uint8Array> => {
    stderr += `${question}\n`;
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`nobody answers: ${question}`);
    return new TextEncoder().encode(answer);
  };
  const status = await runCli(args, {
    stdout: (text) => {
      stdout.push(Buffer.from(text));
      options.onStdout?.();
    },
    stderr: (text) => {
      stderr += text;
    },
    environment: options.environment ?? {},
    terminal: options.terminal ?? false,
    colour: false,
    signal: options.signal ?? new AbortController().signal,
    stdin: async () => options.stdin ?? new Uint8Array(),
    askHidden: options.answers && askHidden,
  });
  return { status, stdout: Buffer.concat(stdout).toString(), stderr };
};

export const temporaryFolder = (): { readonly path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), "byz-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

export interface Workplace {
  /** in the test's folder; the folder itself without a name */
  at(...names: string[]): string;
  /** Its URL. */
  startNode(answers: Answers): Promise<string>;
}

/** Each test of the file that calls this has a folder of its own, and nodes that are only HTTP; both end with it. */
export const useWorkplace = (): Workplace => {
  let folder: ReturnType<typeof temporaryFolder>;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    folder.remove();
  });
  return {
    at: (...names) => join(folder.path, ...names),
    async startNode(answers) {
      const { url, stop } = await startHttpNode(answers);
      stops.push(stop);
      return url;
    },
  };
};

interface HttpAnswer {
  readonly status?: number;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
}

/** What an answering node says, by `METHOD /path`; the query is not looked at. */
export type Answers = Record<string, (body: Buffer, request: IncomingMessage) => HttpAnswer>;

const startHttpNode = async (answers: Answers): Promise<{ readonly url: string; stop(): Promise<void> }> => {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const path = (request.url ?? "").split("?")[0] ?? "";
    const answer = answers[`${request.method} ${path}`]?.(Buffer.concat(parts), request) ?? problem(404, "not_found");
    const bytes = Buffer.from(answer.bytes ?? JSON.stringify(answer.json));
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", "content-length": bytes.length });
    response.end(bytes);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

export const problem = (status: number, code: string, more: object = {}): HttpAnswer => ({
  status,
  json: { type: "about:blank", title: code, status, code, detail: `the node says ${code}`, ...more },
});
