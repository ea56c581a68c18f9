/** Of the networks that need the machine for themselves one runs at a time, however many workers there are. */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { until } from "./support/wait.ts";

/** who made it has the machine; the folder around it is made anew for each run, so nobody finds that of one who died */
const turn = join(process.env["BYZ_TESTS_SHARED"] ?? "", "turn");

beforeAll(() =>
  until("it is this file's turn", 290_000, () => {
    mkdirSync(turn);
    return true;
  }),
);
// registered before all others, so it runs after them
afterAll(() => rmdirSync(turn));
