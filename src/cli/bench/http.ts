/** HTTP/1.1 at the least cost: what the load generator burns is missing from the nodes that share the machine with it. */
import { connect, type Socket } from "node:net";

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** Connections to nodes, kept and used again. */
export interface HttpPool {
  /** Undefined when the connection broke first. */
  exchange(node: URL, method: "POST" | "PUT", path: string, body: Uint8Array): Promise<Answered | undefined>;
  close(): void;
}

type Waiting = (answer: Answered | undefined) => void;

interface Connection {
  readonly socket: Socket;
  /** in the order of the answers; at most the pool's `depth` */
  readonly waiting: Waiting[];
  /** Requests of one turn of the event loop leave in one system call. */
  write(bytes: Uint8Array): void;
}

const maxHeadBytes = 16 * 1024;
/** results of a largest request, in base64 */
const maxBodyBytes = 16 * 1024 * 1024;
const headEnd = Buffer.from("\r\n\r\n");

/** Cuts whole answers off what has come. A node's have a content-length; false for what has none, or is no HTTP. */
const createAnswerReader = (take: (answer: Answered) => void): ((part: Buffer) => boolean) => {
  let pending: Buffer = Buffer.alloc(0);
  return (part) => {
    pending = pending.length === 0 ? part : Buffer.concat([pending, part]);
    for (;;) {
      const end = pending.indexOf(headEnd);
      if (end === -1) return pending.length <= maxHeadBytes;
      const head = pending.toString("latin1", 0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      const last = end + headEnd.length + length;
      if (!(length <= maxBodyBytes)) return false;
      if (pending.length < last) return true;
      const status = Number(head.slice(9, 12));
      const body = pending.toString("utf8", end + headEnd.length, last);
      pending = pending.subarray(last);
      take({ status, body });
    }
  };
};

const open = (node: URL, gone: (connection: Connection) => void): Connection => {
  const socket = connect(Number(node.port === "" ? 80 : node.port), node.hostname.replaceAll(/[[\]]/g, "")).setNoDelay(true);
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  const connection: Connection = {
    socket,
    waiting: [],
    write(bytes) {
      if (!corked) setImmediate(uncork);
      if (!corked) socket.cork();
      corked = true;
      socket.write(bytes);
    },
  };
  const read = createAnswerReader((answer) => connection.waiting.shift()?.(answer));
  socket.on("data", (part) => void (read(part) || socket.destroy())).on("error", () => undefined);
  socket.once("close", () => {
    gone(connection);
    for (const answer of connection.waiting.splice(0)) answer(undefined);
  });
  return connection;
};

/** @param depth requests under way on one connection: above 1 they are pipelined, and answered in order */
export const createHttpPool = (depth: number): HttpPool => {
  /** by origin; as many as requests are under way, divided by `depth` */
  const connections = new Map<string, Connection[]>();
  const connectionTo = (node: URL): Connection => {
    const all = connections.get(node.origin) ?? [];
    const free = all.find(({ waiting }) => waiting.length < depth);
    if (free !== undefined) return free;
    const opened = open(node, (gone) => void all.splice(all.indexOf(gone), 1));
    all.push(opened);
    connections.set(node.origin, all);
    return opened;
  };
  return {
    exchange: (node, method, path, body) =>
      new Promise((resolve) => {
        const connection = connectionTo(node);
        connection.waiting.push(resolve);
        const head = `${method} ${path} HTTP/1.1\r\nhost: ${node.host}\r\ncontent-type: application/octet-stream\r\ncontent-length: ${body.length}\r\n\r\n`;
        const bytes = Buffer.allocUnsafe(head.length + body.length);
        bytes.write(head, "latin1");
        bytes.set(body, head.length);
        connection.write(bytes);
      }),
    close() {
      for (const { socket } of [...connections.values()].flat()) socket.destroy();
    },
  };
};
