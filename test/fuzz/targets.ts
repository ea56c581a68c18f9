/** All targets, cheapest first. */
import type { Target } from "./target.ts";
import { files } from "./targets/files.ts";
import { framing } from "./targets/framing.ts";
import { http } from "./targets/http.ts";
import { recovery } from "./targets/recovery.ts";
import { replica } from "./targets/replica.ts";
import { store } from "./targets/store.ts";
import { wire } from "./targets/wire.ts";

export const targets: readonly Target[] = [wire, framing, files, store, recovery, http, replica];
