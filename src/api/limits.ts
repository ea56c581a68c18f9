/** Every bound of the HTTP interface, with its unit. */
import { defaultStreamLimits, type StreamLimits } from "./event-stream.ts";

export interface ApiLimits extends StreamLimits {
  /** request line and headers together */
  readonly maxHeaderBytes: number;
  /** beyond it the connection that has been without a request for longest makes room; where all have one, new ones are closed at once */
  readonly maxConnections: number;
  /** of all bodies being received or worked on; beyond it `overloaded` */
  readonly maxBodiesBytes: number;
  /** of all answers that wait to be taken by their clients; beyond it the connection that has taken nothing for longest is cut */
  readonly maxAnswersBytes: number;
  /** from a connection's first byte to the end of the headers */
  readonly headersTimeoutMs: number;
  /** from there to the end of the body */
  readonly requestTimeoutMs: number;
  /** how often the two are checked */
  readonly timeoutCheckMs: number;
  /** a connection without a request; long, since a client that writes just as it ends can not know the outcome */
  readonly keepAliveMs: number;
  /** a connection on which nothing moves, such as one whose client does not take its answer, is cut; longer than `keepAliveMs` and the heartbeats of streams */
  readonly stuckMs: number;
  /** how long `close` waits for answers under way */
  readonly drainMs: number;
  /** and after them for their bytes to leave */
  readonly flushMs: number;
}

export const defaultApiLimits: ApiLimits = {
  maxHeaderBytes: 16 * 1024,
  maxConnections: 1024,
  maxBodiesBytes: 64 * 1024 * 1024,
  maxAnswersBytes: 64 * 1024 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  timeoutCheckMs: 1_000,
  keepAliveMs: 65_000,
  stuckMs: 75_000,
  drainMs: 5_000,
  flushMs: 100,
  ...defaultStreamLimits,
};
