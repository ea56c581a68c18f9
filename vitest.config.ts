import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** one process a core; vitest itself would leave a core to its main process, which has little to do */
const maxWorkers = availableParallelism();

/** Networks that need the machine for themselves: of seven nodes, or with promises in seconds under load. The others run two at a time. */
const alone = ["cheats", "crashes", "namespaces", "partitions", "seven"].map((name) => `test/end-to-end/${name}.test.ts`);

/** For the processes and threads of every project. */
const compiled = "test/compiled.setup.ts";

/** The limit ends what hangs: what a test waits for has limits of its own. */
const endToEnd = { globalSetup: [compiled, "test/end-to-end.setup.ts"], testTimeout: 300_000, hookTimeout: 300_000 };

/** What takes long for its size. Vitest goes by the size of files, in a clone at least, and would begin with these when there is nothing to do beside them. */
const long = ["validate", "documentation"].map((name) => `/test/end-to-end/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const place = ({ project, moduleId }: TestSpecification): number =>
      2 * projects.indexOf(project.name) + (long.some((name) => moduleId.endsWith(name)) ? 0 : 1);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

/** Projects run one group after the other. */
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
          testTimeout: 400_000,
          maxWorkers,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "end-to-end",
          include: ["test/end-to-end/**/*.test.ts"],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "end-to-end-alone",
          include: alone,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
