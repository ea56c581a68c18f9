/**
 * The library: found a network, run a node in your own process, replicate your own application.
 *
 * Also: `byzantine-coordinator/client` (talk to nodes over HTTP) and `byzantine-coordinator/testnet` (local networks of real processes).
 */
export { createNode } from "./node/create-node.ts";
export type { RunningNode } from "./node/create-node.ts";
export type { StopReason } from "./node/ends.ts";
export { loadApplication } from "./node/home/load-application.ts";
export { NodeError } from "./node/home/identity.ts";
export type { NodeOptions } from "./node/home/identity.ts";
export type { Logger } from "./node/observe/observe.ts";
export type { NodeService } from "./node/service.ts";

export { ConfigError, createConfig, loadConfig } from "./node/home/config.ts";
export type { Config } from "./node/home/config.ts";
export { GenesisError, loadGenesis, loadRecord, parseGenesis, parseRecord, renderGenesis } from "./node/home/genesis.ts";
export type { Genesis } from "./node/home/genesis.ts";
export { exportRecord, initHome } from "./node/home/home.ts";
export { homeAt, HomeError } from "./node/home/layout.ts";
export type { Home } from "./node/home/layout.ts";
export { createPassphrase } from "./signing/passphrase.ts";
export type { Passphrase } from "./signing/passphrase.ts";
export type { PublicRecord } from "./node/home/record.ts";

export type { Application, OperationContext, State, ValueHead } from "./ledger/application.ts";
export { createKeyValueStore } from "./ledger/kv/application.ts";
export { decodeOperation, decodeResult, encodeOperation, encodeResult } from "./ledger/kv/encoding.ts";
export type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "./ledger/kv/operations.ts";

export { defaultParameters, limits } from "./protocol/limits.ts";
export type { Parameters } from "./protocol/limits.ts";
