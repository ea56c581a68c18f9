import { defineConfig } from "vitest/config";

/** What takes minutes and is run by hand, on networks of real processes: `npm run soak:partitions`, `soak:join`, `soak:catch-up`. */
export default defineConfig({
  test: {
    include: ["test/soak/**/*.test.ts"],
    globalSetup: ["test/compiled.setup.ts", "test/end-to-end.setup.ts"],
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
