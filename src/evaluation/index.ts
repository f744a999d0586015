/** Evaluation: metrics. */
export * from "./metrics/index.ts";
