import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Two speeds: `fast` sits beside the sources and runs on every save; `slow` compares with fixtures and long runs.
// Test files run in their own processes: an engine that crashes then takes one file down, not the whole run.
export default defineConfig({
  test: {
    // Two at once even on two cores: most slow tests wait for a program that starts.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "fast",
          include: ["{src,bench,recipes,tools}/**/*.test.ts"],
          exclude: ["bench/peers/**"],
          testTimeout: 30_000,
        },
      },
      { test: { name: "slow", include: ["test/**/*.test.ts"], testTimeout: 240_000 } },
    ],
  },
});
