/**
 * Optimizers against ten steps of torch.optim (PyTorch 2.11) on mean((x·A − target)²), recorded in
 * shared/golden/optimizers.safetensors beside the program that made them. Runs the whole training step on both backends.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import { type Backend, constant, type HostTensor, matmul, mean, mul, sub } from "../../src/engine/index.ts";
import { parseSafetensors } from "../../src/formats/index.ts";
import { createOptimizer, createTrainer, type OptimizerConfig, trainStep } from "../../src/training/index.ts";

const path = fileURLToPath(new URL("../../../shared/golden/optimizers.safetensors", import.meta.url));
const isThere = existsSync(path);
const golden = new Map<string, HostTensor>();
if (isThere) {
  for (const { name, shape, data } of parseSafetensors(readFileSync(path)).tensors.values()) {
    golden.set(name, { dtype: "float32", shape, data: data as Float32Array });
  }
}

/** Options not given are our defaults, which are meant to be PyTorch's. */
const runs: Record<string, { readonly learningRate: number; readonly config: OptimizerConfig }> = {
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

/** The parameter after each of ten steps; `lossScale` and `clipNorm` must not change it when nothing is clipped. */
async function trajectory(
  backend: Backend,
  config: OptimizerConfig,
  learningRate: number,
  extra: { lossScale?: true; clipNorm?: number | null } = {},
): Promise<number[]> {
  const { shape } = golden.get("x0")!;
  const literal = (name: string, like: Parameters<typeof constant>[0]) => {
    const { shape, data } = golden.get(name)!;
    return constant(like, "float32", shape, data as Float32Array);
  };
  const step = trainStep({
    parameters: { x: golden.get("x0")! },
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
    const { x } = trainer.parameters();
    expect(x.shape).toEqual(shape);
    values.push(...(x.data as Float32Array));
  }
  await trainer.dispose();
  return values;
}

function largestError(got: readonly number[], name: string): number {
  const wanted = golden.get(`traj.${name}`)!.data as Float32Array;
  expect(got.length).toBe(wanted.length);
  const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i]!)), 0) / scale;
}

describe.skipIf(!isThere)("optimizers equal torch.optim (skipped without shared/golden)", () => {
  const backends = [referenceBackend(), onnxruntimeBackend()];

  test("every recorded optimizer is compared", () => {
    const recorded = [...golden.keys()].filter((name) => name.startsWith("traj.")).map((name) => name.slice(5));
    expect(Object.keys(runs).sort()).toEqual(recorded.sort());
  });

  describe.each(backends)("$name", (backend) => {
    test.each(Object.entries(runs))("%s", async (name, { config, learningRate }) => {
      expect(largestError(await trajectory(backend, config, learningRate), name)).toBeLessThan(1e-5);
    });
  });

  test("the scale of the gradient cancels in every optimizer: loss scaling gives the same trajectories", async () => {
    for (const [name, { config, learningRate }] of Object.entries(runs)) {
      const got = await trajectory(referenceBackend(), config, learningRate, { lossScale: true, clipNorm: 1e6 });
      expect(largestError(got, name), name).toBeLessThan(1e-5);
    }
  });

  test("Muon in float32 is PyTorch's up to the rounding of bfloat16, which has 8 bits", async () => {
    const error = largestError(await trajectory(referenceBackend(), { name: "muon" }, 0.02), "muon");
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(1e-3);
  });
});
