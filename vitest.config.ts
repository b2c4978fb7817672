/**
 * Three kinds of tests. `house`: the rules of the repository. `unit`: beside the code, quick, no
 * process of our own. `process`: the rest of test/, whole nodes on real files, may take minutes.
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
          testTimeout: 20_000,
          pool: "forks",
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
          fileParallelism: false,
        },
      },
    ],
    coverage: { provider: "v8", include: ["src/**/*.ts"], exclude: ["src/**/*.test.ts"] },
  },
});
