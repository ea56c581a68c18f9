/** Every key of `config.toml`: its section, rule, default and meaning. `docs/operators.md` and the file's comments are made of it. */
import { z } from "zod";
import { peerIdForm } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { leastMemoryLimitMib } from "../memory/memory-budget.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** How a value is written in an environment variable: lists are comma-separated. */
export type SettingKind = "text" | "integer" | "list";

export interface Setting<T> {
  readonly kind: SettingKind;
  readonly schema: z.ZodType<T>;
  readonly fallback: T;
  /** one or two sentences for the operator */
  readonly about: string;
}

const integer = (minimum: number, maximum: number, fallback: number, about: string): Setting<number> => ({
  kind: "integer",
  schema: z
    .number({ error: "must be a whole number" })
    .refine((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, {
      error: `must be a whole number from ${minimum} to ${maximum}`,
    }),
  fallback,
  about,
});

/** @param maximum MiB: a machine of that size is not built yet */
const memoryLimitMib = (maximum: number, about: string): Setting<number> => ({
  ...integer(0, maximum, 0, about),
  schema: z
    .number({ error: "must be a whole number" })
    .refine((value) => value === 0 || (Number.isSafeInteger(value) && value >= leastMemoryLimitMib && value <= maximum), {
      error: `must be 0 or a whole number from ${leastMemoryLimitMib} to ${maximum}: with less a node has no room to work in`,
    }),
});

const text = (rule: (value: string) => string | undefined, fallback: string, about: string): Setting<string> => ({
  kind: "text",
  schema: z.string({ error: "must be a text in quotes" }).superRefine((value, context) => {
    const problem = rule(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  }),
  fallback,
  about,
});

const list = (rule: (value: string) => string | undefined, fallback: readonly string[], about: string): Setting<readonly string[]> => ({
  kind: "list",
  schema: z
    .array(z.string({ error: "must be a list of texts" }), { error: 'must be a list of texts, as ["one", "two"]' })
    .superRefine((values, context) => {
      for (const value of values) {
        const problem = rule(value);
        if (problem !== undefined) context.addIssue({ code: "custom", message: `${JSON.stringify(value)} ${problem}` });
      }
      if (new Set(values).size !== values.length) context.addIssue({ code: "custom", message: "names something twice" });
    }),
  fallback,
  about,
});

const isPort = (digits: string, lowest: number): boolean =>
  /^\d{1,5}$/.test(digits) && Number(digits) >= lowest && Number(digits) <= 65_535;

/** `/ip4/127.0.0.1/tcp/27656`, with or without `/p2p/…` at the end: an address is a hint, and who answers there proves its name. */
const multiaddrRule =
  (lowestPort: number) =>
  (value: string): string | undefined => {
    const match = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/([^/]+)(?:\/p2p\/([^/]*))?$/.exec(value);
    if (match === null) return "is not an address such as /ip4/192.0.2.1/tcp/27656";
    if (!isPort(match[3] ?? "", lowestPort)) return `has no port from ${lowestPort} to 65535`;
    if (match[4] !== undefined && !peerIdForm.test(match[4])) return "does not end in a peer id, 52 characters that begin with 12D3KooW";
    return undefined;
  };

/** `127.0.0.1:27657`, `[::1]:27657`, `node.example:27657`; port 0 lets the system choose. */
export const hostPortRule = (value: string): string | undefined => {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(value);
  return match !== null && isPort(match[2] ?? "", 0) ? undefined : "must be HOST:PORT, as 127.0.0.1:27657";
};

/** What a moniker may be: the complaint, or undefined. */
export const monikerRule = (value: string): string | undefined => {
  if (Buffer.byteLength(value) > limits.maxMonikerBytes) return `must be at most ${limits.maxMonikerBytes} bytes`;
  return /^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u.test(value) ? undefined : "must be letters, digits, spaces and . _ -";
};

const oneOf =
  (...choices: readonly string[]) =>
  (value: string): string | undefined =>
    choices.includes(value) ? undefined : `must be one of ${choices.join(", ")}`;

/** Section → key → setting. Keys are camelCase here, snake_case in the file, `BYZ_<SECTION>_<KEY>` in the environment. */
export const settings = {
  node: {
    moniker: text(monikerRule, "node", "A name for people; it stands in the validator's public record. At most 64 bytes."),
    application: text(
      () => undefined,
      "",
      "A JavaScript module, relative to the home, that exports the application which this network replicates; empty: the key-value store.",
    ),
    memoryLimitMib: memoryLimitMib(
      16_777_216,
      "Memory that this node may take, MiB, at least 160; near it no new work is taken. 0: three quarters of what the machine or its control group has.",
    ),
  },
  network: {
    listen: list(multiaddrRule(0), ["/ip4/0.0.0.0/tcp/27656"], "Where other nodes can reach this one; port 0 lets the system choose."),
    announce: list(multiaddrRule(1), [], "What to tell others instead, for a node behind a port mapping: its public address."),
    bootstrap: list(multiaddrRule(1), [], "Nodes to meet first; one is enough. Those met once are remembered in data/."),
    maxPeers: integer(8, 4096, 256, "Connections in all. Validators have reserved places."),
    maxObservers: integer(0, 4096, 64, "Connections to nodes that are not validators."),
    heartbeatIntervalMs: integer(50, 5000, 350, "How often this node tells its peers where it stands."),
    deadPeerMs: integer(500, 60_000, 1500, "A peer silent for this long is dropped and dialled again; at least three heartbeats."),
  },
  api: {
    listen: text(hostPortRule, "127.0.0.1:27657", "HTTP address. Elsewhere than on loopback, writes need the token in api.token."),
    maxConnections: integer(1, 65_536, 512, "Open HTTP connections; beyond, one without a request makes room."),
    maxBodyBytes: integer(64 * KiB, 16 * MiB, 1 * MiB + 128 * KiB, "Largest HTTP body; a largest value and its key must fit."),
    bodyTimeoutMs: integer(100, 600_000, 10_000, "A request that has not arrived whole by then is refused."),
    requestsPerSecond: integer(
      0,
      1_000_000,
      1000,
      "Requests of one client's address, with bursts of twice as many; 0: no limit. This machine's own are never limited.",
    ),
    answerTimeoutMs: integer(100, 600_000, 30_000, "A write without an outcome by then is answered outcome_unknown; it may yet commit."),
  },
  consensus: {
    pipelineDepth: integer(1, 64, 8, "Sequences a primary keeps under way at once."),
    maxBatchDelayMs: integer(
      0,
      1000,
      320,
      "Longest wait for more requests, when all but one of the pipeline's places are taken; the emptier it is, the shorter; an idle one waits only for clients who were just answered.",
    ),
    requestTimeoutFloorMs: integer(
      100,
      60_000,
      1000,
      "A request known for this long without a commit makes this node ask for another primary; adapts upwards.",
    ),
    requestTimeoutCeilingMs: integer(1000, 600_000, 30_000, "Upper end of that adaptation and of the doubling after failed view changes."),
    retransmitIntervalMs: integer(50, 10_000, 400, "How often to repeat to peers what they still lack."),
    poolMaxRequests: integer(
      16,
      1_048_576,
      8192,
      "Requests waiting to be ordered; more are refused as overloaded. Nobody who brings them has more than are still free: alone half of it.",
    ),
    poolMaxBytes: integer(2 * MiB, 4096 * MiB, 64 * MiB, "Bytes of requests waiting to be ordered."),
  },
  storage: {
    history: text(
      oneOf("prune", "archive"),
      "prune",
      "prune: blocks go once they are retain_sequences behind the stable checkpoint. archive: all are kept, as long as there is room.",
    ),
    retainSequences: integer(
      16,
      Number.MAX_SAFE_INTEGER,
      100_000,
      "Blocks kept for peers that fell behind and for `byz blocks`. Who needs older ones fetches the state instead.",
    ),
    cacheBytes: integer(1 * MiB, 4096 * MiB, 8 * MiB, "Memory for the store's cache."),
  },
  log: {
    level: text(
      oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
      "info",
      "trace, debug, info, warn, error, fatal or silent.",
    ),
  },
  verification: {
    workers: integer(0, 64, 2, "Threads that check signatures, started when there is much to check; 0 checks on the main thread."),
  },
} as const;

export type Section = keyof typeof settings;

/** A node's configuration, checked; frozen. */
export type Config = {
  readonly [S in Section]: { readonly [K in keyof (typeof settings)[S]]: (typeof settings)[S][K] extends Setting<infer T> ? T : never };
};

export interface Relation {
  readonly holds: (config: Config) => boolean;
  /** what is said of each of them, by `section.key` in the file's spelling; the first that was given is the one complained about */
  readonly problems: Readonly<Record<string, string>>;
}

/** What must hold between settings. */
export const relations: readonly Relation[] = [
  {
    holds: ({ network }) => network.deadPeerMs >= 3 * network.heartbeatIntervalMs,
    problems: {
      "network.dead_peer_ms": "must be at least three times heartbeat_interval_ms",
      "network.heartbeat_interval_ms": "must be at most a third of dead_peer_ms",
    },
  },
  {
    holds: ({ network }) => network.maxObservers < network.maxPeers,
    problems: {
      "network.max_observers": "must be below max_peers, so that validators find a place",
      "network.max_peers": "must be above max_observers, so that validators find a place",
    },
  },
  {
    holds: ({ consensus }) => consensus.requestTimeoutCeilingMs >= consensus.requestTimeoutFloorMs,
    problems: {
      "consensus.request_timeout_ceiling_ms": "must not be below request_timeout_floor_ms",
      "consensus.request_timeout_floor_ms": "must not be above request_timeout_ceiling_ms",
    },
  },
];

/** `maxPeers` → `max_peers` */
export const fileName = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** (`network`, `maxPeers`) → `BYZ_NETWORK_MAX_PEERS` */
export const environmentName = (section: string, key: string): string => `BYZ_${section}_${fileName(key)}`.toUpperCase();
