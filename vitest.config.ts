/**
 * Two kinds of tests. `unit`: beside the code and in test/house, quick, no process of our own.
 * `process`: the rest of test/, each starts whole nodes on real files and may take a minute.
 * @module
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/house/**/*.test.ts", "native/**/*.test.ts"],
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
