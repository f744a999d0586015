/**
 * A small training problem for tests: a two-layer network with dropout, AdamW, and batches drawn by position, so that any
 * difference in state, random key, schedule or data position after a resume shows in the losses.
 */
import { referenceBackend } from "../engine/backends/reference/index.ts";
import { type Backend, dropout, hostTensor, matmul, mean, mul, sub, tanh } from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import type { BatchSource } from "./batches.ts";
import { createOptimizer } from "./optimizers/index.ts";
import type { ScheduleConfig } from "./schedules/index.ts";
import { trainStep } from "./train-step.ts";
import { createTrainer } from "./trainer.ts";

export const tinySchedule: ScheduleConfig = { name: "cosine", learningRate: 0.02, totalSteps: 40, warmupSteps: 4 };

export interface TinyOptions {
  readonly hidden?: number;
  readonly accumulate?: number;
  readonly optimizer?: "adamw" | "sgd" | "muon";
  readonly backend?: Backend;
  readonly ema?: number;
}

export function tinyTrainer(options: TinyOptions = {}) {
  const { hidden = 6, accumulate = 1, optimizer = "adamw", backend = referenceBackend(), ema = 0.9 } = options;
  const random = createRandom(5);
  const matrix = (rows: number, columns: number) =>
    hostTensor("float32", [rows, columns], random.normalArray(rows * columns, 0, 0.5));
  const step = trainStep({
    parameters: { first: { weight: matrix(hidden, 4) }, second: { weight: matrix(1, hidden) } },
    loss: (builder, { first, second }, source) => {
      const x = builder.input("x", "float32", ["batch", 4]);
      const inner = dropout(tanh(matmul(x, first.weight, { transposeB: true })), 0.25, source);
      const error = sub(
        matmul(inner, second.weight, { transposeB: true }),
        builder.input("y", "float32", ["batch", 1]),
      );
      return { loss: mean(mul(error, error)) };
    },
    optimizer: createOptimizer({ name: optimizer }),
    accumulate,
    ema,
    seed: 11,
  });
  return createTrainer(backend, step);
}

/** Endless batches of eight rows; the position is the number of batches handed out. */
export const tinyData: BatchSource = function* (from) {
  for (let index = typeof from === "number" ? from : 0; ; index++) {
    const random = createRandom(7).fork(index);
    const x = random.normalArray(32);
    const y = Float32Array.from({ length: 8 }, (_, row) => Math.sin(x[row * 4]!) - 0.5 * x[row * 4 + 1]!);
    const inputs = { x: hostTensor("float32", [8, 4], x), y: hostTensor("float32", [8, 1], y) };
    yield { inputs, tokens: 8, position: index + 1 };
  }
};
