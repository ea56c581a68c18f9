/** The node's HTTP interface, as its configuration says. */
import { createApi, type Api } from "../api/create-api.ts";
import { isLoopback } from "../api/guard.ts";
import { loadOrCreateToken } from "../api/token.ts";
import { decodeOperation, decodeResult } from "../ledger/kv/encoding.ts";
import { keyValueStoreName } from "../ledger/kv/application.ts";
import { toListenError } from "../network/error.ts";
import type { NodeOptions } from "./home/identity.ts";
import type { Logger } from "./observe/observe.ts";
import type { Failure, NodeService } from "./service.ts";

/**
 * @param bodies that are being received or worked on, bytes
 * @param answers that wait to be taken, bytes
 * @returns its `listen` throws a ListenError
 */
export const openApi = async (
  { config, home, genesis }: NodeOptions,
  logger: Logger,
  service: NodeService,
  { admit, bodies, answers }: { readonly admit: () => Failure | undefined; readonly bodies: number; readonly answers: number },
): Promise<Api> => {
  const { host, port } = splitHostPort(config.api.listen);
  const api = createApi({
    service,
    host,
    port,
    ...(isLoopback(host) ? {} : { token: await loadOrCreateToken(home.apiToken) }),
    ...(genesis.application === keyValueStoreName ? { keyValue: { decodeOperation, decodeResult } } : {}),
    rateLimit: { requestsPerSecond: config.api.requestsPerSecond },
    admit,
    limits: {
      maxBodiesBytes: bodies,
      maxAnswersBytes: answers,
      maxConnections: config.api.maxConnections,
      requestTimeoutMs: config.api.bodyTimeoutMs,
    },
    onError: (error) => logger.error({ err: error }, "a fault while answering"),
  });
  const listen = async (): Promise<string> => {
    try {
      return await api.listen();
    } catch (error) {
      throw toListenError([config.api.listen], error);
    }
  };
  return { ...api, listen };
};

const splitHostPort = (value: string): { host: string; port: number } => {
  const at = value.lastIndexOf(":");
  return { host: value.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(value.slice(at + 1)) };
};
