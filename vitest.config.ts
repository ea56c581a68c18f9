import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** one process a core; vitest itself would leave a core to its main process, which has little to do */
const maxWorkers = availableParallelism();

/** Much work that nobody waits for: at a low priority it takes what networks leave of the machine while they wait for something. */
const seeds = "test/simulation/seeds.test.ts";

/**
 * Networks that need the machine for themselves: of seven nodes, or with promises in seconds under load. They run one at a time, beside the seeds. The other
 * networks run three at a time: they wait more than they work, and two of them left a fifth of two cores unused.
 */
const alone = ["cheats", "crashes", "namespaces", "partitions", "seven"].map((name) => `test/end-to-end/${name}.test.ts`);

/** For the processes and threads of every project. */
const compiled = "test/compiled.setup.ts";

/** The limit ends what hangs: what a test waits for has limits of its own. */
const endToEnd = { globalSetup: [compiled, "test/end-to-end.setup.ts"], testTimeout: 300_000, hookTimeout: 300_000 };

/** What takes long for its size. Vitest goes by the size of files, in a clone at least, and would begin with these when there is nothing to do beside them. */
const long = ["simulation/", "end-to-end/validate.", "end-to-end/documentation."].map((name) => `/test/${name}`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const place = ({ project, moduleId }: TestSpecification): number =>
      2 * project.config.sequence.groupOrder + (long.some((name) => moduleId.includes(name)) ? 0 : 1);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

/** Groups of projects run one after the other. */
export default defineConfig({
  test: {
    passWithNoTests: true,
    sequence: { sequencer: LongFirst },
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary", "html"] },
    projects: [
      {
        test: {
          name: "unit",
          globalSetup: compiled,
          include: ["test/**/*.test.ts"],
          exclude: ["test/simulation/**", "test/end-to-end/**", "test/soak/**"],
          // ends what hangs; says nothing about how long a test may take on a busy machine
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // some of them wait more than they work
          maxWorkers: maxWorkers + 1,
          // no test changes what others see, and loading everything anew for each file costs a third of the time
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "simulation",
          globalSetup: compiled,
          include: ["test/simulation/**/*.test.ts"],
          exclude: [seeds],
          testTimeout: 400_000,
          maxWorkers: maxWorkers + 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "end-to-end",
          include: ["test/end-to-end/**/*.test.ts"],
          exclude: alone,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "seeds",
          globalSetup: compiled,
          include: [seeds],
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "end-to-end-alone",
          include: alone,
          // projects of one group must have as many; the seeds take one, and a second network waits for its turn
          maxWorkers: 2,
          setupFiles: ["test/end-to-end/alone.setup.ts"],
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
