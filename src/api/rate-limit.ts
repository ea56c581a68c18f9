/** How often one client may ask: a bucket of tokens for each address. */
import { isLoopback } from "./guard.ts";
import { Refusal } from "./problem.ts";

export interface RateLimitOptions {
  /** 0: no limit */
  readonly requestsPerSecond: number;
  /** clients of this machine are limited too; they all have one address */
  readonly limitLoopback?: boolean;
  /** monotonic milliseconds */
  readonly now?: () => number;
}

/** @throws Refusal `rate_limited` */
export type RateLimit = (address: string | undefined) => void;

interface Bucket {
  tokens: number;
  at: number;
}

/** Addresses that are remembered; beyond it the one that has been quiet for longest starts anew. */
const MAX_ADDRESSES = 4_096;
/** a client that was quiet may ask so many seconds' worth at once */
const BURST_SECONDS = 2;

const rateLimited = (requestsPerSecond: number, seconds: number): Refusal =>
  new Refusal({
    code: "rate_limited",
    message: `more than ${requestsPerSecond} requests a second from one address`,
    hint: "ask more slowly, or put several operations into one request",
    retryAfterSeconds: seconds,
  });

/** `::ffff:127.0.0.1` is 127.0.0.1 */
const plainAddress = (address: string): string => address.replace(/^::ffff:/, "");

export const createRateLimit = ({
  requestsPerSecond,
  limitLoopback = false,
  now = () => performance.now(),
}: RateLimitOptions): RateLimit => {
  /** least recently seen first */
  const buckets = new Map<string, Bucket>();
  const most = requestsPerSecond * BURST_SECONDS;
  return (address) => {
    if (requestsPerSecond === 0 || address === undefined) return;
    const name = plainAddress(address);
    if (!limitLoopback && isLoopback(name)) return;
    const known = buckets.get(name) ?? { tokens: most, at: now() };
    const tokens = Math.min(most, known.tokens + ((now() - known.at) * requestsPerSecond) / 1_000);
    const allowed = tokens >= 1;
    buckets.delete(name);
    buckets.set(name, { tokens: allowed ? tokens - 1 : tokens, at: now() });
    if (buckets.size > MAX_ADDRESSES) for (const oldest of buckets.keys()) if (buckets.delete(oldest)) break;
    if (!allowed) throw rateLimited(requestsPerSecond, (1 - tokens) / requestsPerSecond);
  };
};
