import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { askHidden } from "../../src/cli/hidden-question.ts";

/** A terminal, with what it shows. */
const createTerminal = () => {
  const stop = new AbortController();
  const events = new EventEmitter();
  const modes: boolean[] = [];
  let shown = "";
  const input = Object.assign(events, {
    setRawMode: (raw: boolean) => void modes.push(raw),
    resume: () => undefined,
    pause: () => undefined,
  });
  // what is typed while the terminal is not raw, it shows by itself
  const write = (text: string): void => void (shown += modes.at(-1) === true || text === "\n" ? text : `${text}(echo)`);
  const terminal = { input, output: { write }, signal: stop.signal } as unknown as Parameters<typeof askHidden>[0];
  return {
    ask: (question = "Passphrase: ") => askHidden(terminal, question).then((bytes) => Buffer.from(bytes).toString()),
    type: (...chunks: (string | Buffer)[]) => chunks.forEach((chunk) => events.emit("data", Buffer.from(chunk))),
    stop: () => stop.abort(),
    shown: () => shown,
    isRaw: () => modes.at(-1) === true,
    listeners: () => events.listenerCount("data"),
  };
};

describe("a question whose answer is not shown", () => {
  it.each([
    ["a line", ["secret", "\r"], "secret"],
    ["character by character", ["s", "e", "c", "\n"], "sec"],
    ["with mistakes", ["secx\u007fr\b\bcret\r"], "secret"],
    ["begun anew with Ctrl-U", ["wrong\u0015right\r"], "right"],
    ["erased one character of several bytes at a time", ["aé€\u007f\u007fb\r"], "ab"],
    ["cut within a character", [Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1), "\r"], "é"],
    ["ended by Ctrl-D", ["secret\u0004"], "secret"],
    ["of nothing", ["\u007f\r"], ""],
    ["with keys that are no characters", ["a\u0001\u0009b\r"], "ab"],
    ["and no more than its line", ["first\rsecond\r"], "first"],
    ["cut off at 1024 bytes", ["x".repeat(2_000), "\r"], "x".repeat(1_024)],
  ] as const)("takes %s", async (_what, typed, answer) => {
    const terminal = createTerminal();
    const answered = terminal.ask();
    expect(terminal.isRaw()).toBe(true);
    terminal.type(...typed);
    expect(await answered).toBe(answer);
    expect([terminal.shown(), terminal.isRaw(), terminal.listeners()]).toEqual(["Passphrase: \n", false, 0]);
  });

  it.each([
    ["Ctrl-C", (terminal: ReturnType<typeof createTerminal>) => terminal.type("sec\u0003")],
    ["a signal to the process", (terminal: ReturnType<typeof createTerminal>) => terminal.stop()],
  ])("%s ends it with status 130, and the terminal is as it was", async (_what, end) => {
    const terminal = createTerminal();
    const answered = terminal.ask();
    end(terminal);
    await expect(answered).rejects.toMatchObject({ exitCode: 130 });
    expect([terminal.isRaw(), terminal.listeners()]).toEqual([false, 0]);
    terminal.stop();
    await expect(terminal.ask()).rejects.toMatchObject({ exitCode: 130 });
  });
});
