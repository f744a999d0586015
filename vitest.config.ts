import { defineConfig } from "vitest/config";

// Two speeds: `fast` sits beside the sources and runs on every save; `slow` compares with fixtures and long runs.
export default defineConfig({
  test: {
    projects: [
      { test: { name: "fast", include: ["src/**/*.test.ts"], testTimeout: 30_000 } },
      { test: { name: "slow", include: ["test/**/*.test.ts"], testTimeout: 240_000 } },
    ],
  },
});
