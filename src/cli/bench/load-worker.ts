/** The load's own process, so that its CPU is not the nodes' and not the command's. */
import { generateLoad, type LoadOrder } from "./load.ts";

process.on("message", (order) => void generateLoad(order as LoadOrder).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit(0));
