/**
 * Optimizers against ten steps of torch.optim (PyTorch 2.11) on mean((x·A − target)²): optimizers.safetensors. Runs the
 * whole compiled training step.
 */
import { type Backend, constant, type HostTensor, matmul, mean, mul, sub } from "../../src/engine/index.ts";
import { CongError } from "../../src/support/index.ts";
import { createOptimizer, createTrainer, type OptimizerConfig, trainStep } from "../../src/training/index.ts";
import type { Quantity } from "./quantity.ts";
import { readTensors } from "./read-tensors.ts";

type Tensors = Readonly<Record<string, HostTensor>>;
const tolerance = 1e-5;
const prefix = "traj.";

/** How each recorded run is written here. Options not given are our defaults, which are meant to be PyTorch's. */
export const optimizerRuns: Readonly<
  Record<string, { readonly learningRate: number; readonly config: OptimizerConfig }>
> = {
  sgd: { learningRate: 0.1, config: { name: "sgd" } },
  momentum: { learningRate: 0.05, config: { name: "sgd", momentum: 0.9 } },
  nesterov: { learningRate: 0.05, config: { name: "sgd", momentum: 0.9, nesterov: true } },
  adam: { learningRate: 0.01, config: { name: "adam" } },
  adamw: { learningRate: 0.01, config: { name: "adamw", weightDecay: 0.1 } },
  rmsprop: { learningRate: 0.01, config: { name: "rmsprop" } },
  adagrad: { learningRate: 0.1, config: { name: "adagrad" } },
  adafactor: { learningRate: 0.01, config: { name: "adafactor" } },
  muon: { learningRate: 0.02, config: { name: "muon", precision: "bfloat16" } },
};

/** Names of the recorded runs. */
export const recordedRuns = (golden: Tensors): string[] =>
  Object.keys(golden).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));

/** The parameter after each of ten steps; `lossScale` and `clipNorm` must not change it when nothing is clipped. */
export async function trajectory(
  golden: Tensors,
  backend: Backend,
  config: OptimizerConfig,
  learningRate: number,
  extra: { lossScale?: true; clipNorm?: number | null } = {},
): Promise<number[]> {
  const literal = (name: string, like: Parameters<typeof constant>[0]) => {
    const { shape, data } = golden[name]!;
    return constant(like, "float32", shape, data as Float32Array);
  };
  const step = trainStep({
    parameters: { x: golden.x0! },
    loss: (_builder, { x }) => {
      const error = sub(matmul(x, literal("A", x)), literal("target", x));
      return { loss: mean(mul(error, error)) };
    },
    optimizer: createOptimizer(config),
    clipNorm: null,
    ...extra,
  });
  const trainer = await createTrainer(backend, step);
  const values: number[] = [];
  for (let i = 0; i < 10; i++) {
    await trainer.run({}, learningRate);
    values.push(...(trainer.parameters().x.data as Float32Array));
  }
  await trainer.dispose();
  return values;
}

/** Largest difference to the recorded trajectory, over its largest value. Infinite for another length. */
export function trajectoryError(golden: Tensors, got: readonly number[], name: string): number {
  const wanted = golden[prefix + name]!.data as Float32Array;
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i]!)), 0) / scale;
}

export async function* checkOptimizers(path: string, backend: Backend): AsyncIterable<Quantity> {
  const golden = readTensors(path);
  for (const name of recordedRuns(golden)) {
    const run = optimizerRuns[name];
    if (run === undefined) throw unknownRun(name);
    const got = await trajectory(golden, backend, run.config, run.learningRate);
    yield { name: `${name} (10 steps)`, error: trajectoryError(golden, got, name), tolerance };
  }
}

const unknownRun = (name: string): CongError =>
  new CongError(
    "UNKNOWN_NAME",
    `the file records an optimizer "${name}" which nothing here is compared with`,
    { name },
    "add its configuration to tools/golden/optimizers.ts",
  );
