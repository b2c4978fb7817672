/**
 * Three kinds of tests. `house`: the rules of the repository. `unit`: beside the code, quick, no
 * process of our own, one worker a core that keeps the modules it loaded from file to file.
 * `process`: the rest of test/, whole nodes on real files, may take minutes.
 * @module
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "house",
          include: ["test/house/**/*.test.ts"],
          pool: "forks",
        },
      },
      {
        test: {
          name: "unit",
          include: ["{src,native,bench,sim}/**/*.test.ts"],
          testTimeout: 120_000,
          pool: "forks",
          isolate: false,
          maxWorkers: "100%",
        },
      },
      {
        test: {
          name: "process",
          include: ["test/**/*.test.ts"],
          exclude: ["test/house/**"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          pool: "forks",
          maxWorkers: 2,
        },
      },
    ],
    coverage: { provider: "v8", include: ["src/**/*.ts"], exclude: ["src/**/*.test.ts"] },
  },
});
