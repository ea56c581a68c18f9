import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { areFree, freeBasePort } from "../../src/testnet/ports.ts";
import { identify, signalProcess, stateOf, watchProcess } from "../../src/testnet/process-identity.ts";
import type { ProcessIdentity } from "../../src/testnet/process-identity.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const startIdle = (): ProcessIdentity => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  children.push(child);
  return identify(child.pid as number) as ProcessIdentity;
};

describe("a process", () => {
  it("is known by its pid and start, and seen paused, running and gone", async () => {
    const identity = startIdle();
    expect(stateOf(identity)).toBe("running");
    expect(signalProcess(identity, "SIGSTOP")).toBe(true);
    await vi.waitFor(() => expect(stateOf(identity)).toBe("paused"), 30_000);
    signalProcess(identity, "SIGCONT");
    await vi.waitFor(() => expect(stateOf(identity)).toBe("running"), 30_000);
    signalProcess(identity, "SIGKILL");
    await vi.waitFor(() => expect(stateOf(identity)).toBe("gone"), 30_000);
    expect(signalProcess(identity, "SIGKILL")).toBe(false);
    expect(identify(identity.pid)).toBeUndefined();
  });

  it("is never signalled by the pid of another: one with another start is left alone", async () => {
    const identity = startIdle();
    const impostor = { pid: identity.pid, started: "another time" };
    expect(stateOf(impostor)).toBe("gone");
    expect(signalProcess(impostor, "SIGKILL")).toBe(false);
    expect(stateOf(identity)).toBe("running");
  });

  it("can be watched until it ends", async () => {
    const identity = startIdle();
    const onGone = vi.fn<() => void>();
    const forget = watchProcess(identity, onGone);
    signalProcess(identity, "SIGKILL");
    await vi.waitFor(() => expect(onGone).toHaveBeenCalledTimes(1), 30_000);
    forget();
  });
});

describe("ports", () => {
  it("that something listens on are not free", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expect(await areFree(port, 1)).toBe(false);
    const found = await freeBasePort(4, port);
    expect(found).not.toBe(port);
    await new Promise((resolve) => server.close(resolve));
    expect(await areFree(port, 1)).toBe(true);
  });
});
