/** Runs inside of a network namespace: connections to a Unix socket go on to a TCP port there. `node relay-process.ts SOCKET PORT` */
import { connect, createServer } from "node:net";

const [socket = "", port = "0"] = process.argv.slice(2);
createServer((from) => {
  const to = connect(Number(port), "127.0.0.1");
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
  from.pipe(to).pipe(from);
}).listen(socket, () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
