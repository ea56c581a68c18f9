/** Ports on loopback for a network of local nodes: two a node, p2p and API side by side. */
import { createServer } from "node:net";

/** Below what systems hand out to outgoing connections, so that a node finds its port free again after a restart. */
const lowest = 20_000;
const highest = 30_000;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** True when `count` ports from `base` on are all free. */
export const areFree = async (base: number, count: number): Promise<boolean> => {
  for (let port = base; port < base + count; port += 1) {
    if (!(await isFree(port))) return false;
  }
  return true;
};

/**
 * The first of `count` free ports in a row.
 *
 * @param preferred tried first
 * @throws Error when a hundred tries found none
 */
export const freeBasePort = async (count: number, preferred?: number): Promise<number> => {
  if (preferred !== undefined && (await areFree(preferred, count))) return preferred;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const base = lowest + Math.floor(Math.random() * (highest - lowest - count));
    if (await areFree(base, count)) return base;
  }
  throw new Error(`no ${count} free ports in a row between ${lowest} and ${highest}`);
};
