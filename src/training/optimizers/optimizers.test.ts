/**
 * Options that the golden trajectories (test/golden) leave out. Expected numbers were computed with PyTorch 1.13 (float32)
 * on Σ c·(x − t)², Adafactor's with NumPy in float64 from PyTorch's formula, Lion's by hand.
 */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../engine/backends/reference/index.ts";
import {
  constant,
  GraphBuilder,
  hostTensor,
  mul,
  sub,
  sum,
  type Tensor,
  toNumbers,
  trace,
} from "../../engine/index.ts";
import { trainStep } from "../train-step.ts";
import { createTrainer } from "../trainer.ts";
import { biasCorrection } from "./adam-moments.ts";
import { isHiddenMatrix, orthogonalize } from "./muon.ts";
import { createOptimizer, type OptimizerConfig, optimizers } from "./registry.ts";

const matrix = { x: hostTensor("float32", [2, 2], [1, -2, 0.5, 3]) };

/** Σ c·(x − t)² */
function bowl(x: Tensor, c: number[], t: number[]): Tensor {
  const shape = x.shape as number[];
  const away = sub(x, constant(x, "float32", shape, t));
  return sum(mul(constant(x, "float32", shape, c), mul(away, away)));
}

async function afterThreeSteps(config: OptimizerConfig, learningRate: number): Promise<number[]> {
  const step = trainStep({
    parameters: matrix,
    loss: (_, { x }) => ({ loss: bowl(x, [1, 2, 3, 0.5], [0, 1, 1, -1]) }),
    optimizer: createOptimizer(config),
    clipNorm: null,
  });
  const trainer = await createTrainer(referenceBackend(), step);
  for (let i = 0; i < 3; i++) await trainer.run({}, learningRate);
  return toNumbers(trainer.parameters().x);
}

function expectClose(got: readonly number[], wanted: readonly number[], tolerance = 2e-6): void {
  expect(got.length).toBe(wanted.length);
  const worst = Math.max(...got.map((value, i) => Math.abs(value - wanted[i]!)));
  expect(worst, `got ${got}, wanted ${wanted}`).toBeLessThan(tolerance);
}

describe("three steps equal PyTorch's", () => {
  const cases: [OptimizerConfig, number, number[]][] = [
    [
      { name: "sgd", momentum: 0.9, nesterov: true, weightDecay: 0.1 },
      0.01,
      [0.8370409, -1.0861833, 0.7131709, 2.6604359],
    ],
    [{ name: "sgd", weightDecay: 0.1 }, 0.01, [0.9383137, -1.648801, 0.5832112, 2.8724139]],
    [{ name: "adam", beta1: 0.8, beta2: 0.95, weightDecay: 0.3 }, 0.1, [0.7022523, -1.7006056, 0.7924753, 2.7004578]],
    [{ name: "adam", beta1: 0, beta2: 0.95 }, 0.1, [0.7159841, -1.7050003, 0.7649391, 2.7037206]],
    [
      { name: "rmsprop", alpha: 0.9, momentum: 0.5, centered: true, weightDecay: 0.1 },
      0.02,
      [0.7680593, -1.7638354, 0.7241443, 2.7633553],
    ],
    [{ name: "rmsprop", alpha: 0.9, centered: true }, 0.02, [0.841589, -1.8387036, 0.6535825, 2.8383608]],
    [{ name: "rmsprop", alpha: 0.9, weightDecay: 0.2 }, 0.02, [0.8558578, -1.8535624, 0.6397675, 2.8533034]],
    [
      { name: "adagrad", rateDecay: 0.2, initialAccumulator: 0.5, weightDecay: 0.1 },
      0.1,
      [0.8136781, -1.8021262, 0.6819356, 2.8032825],
    ],
  ];
  test.each(cases)("%o at %f", async (config, learningRate, wanted) => {
    expectClose(await afterThreeSteps(config, learningRate), wanted);
  });

  test("Adafactor on a vector, with decay", async () => {
    const step = trainStep({
      parameters: { p: hostTensor("float32", [3], [1, -2, 3]) },
      loss: (_, { p }) => ({ loss: bowl(p, [1, 2, 0.5], [0, 1, -1]) }),
      optimizer: createOptimizer({ name: "adafactor", weightDecay: 0.05, decayOn: "all" }),
      clipNorm: null,
    });
    const trainer = await createTrainer(referenceBackend(), step);
    for (let i = 0; i < 3; i++) await trainer.run({}, 0.3);
    expectClose(toNumbers(trainer.parameters().p), [0.0354326621, -0.5929140068, 1.5149786758]);
  });
});

test("Lion: signs of the mixed moment, by hand", async () => {
  const step = trainStep({
    parameters: { p: hostTensor("float32", [3], [1, -2, 1]) },
    loss: (builder, { p }) => ({ loss: sum(mul(p, builder.input("gradient", "float32", [3]))) }),
    optimizer: createOptimizer({ name: "lion", weightDecay: 0.5, decayOn: "all" }),
    clipNorm: null,
  });
  const trainer = await createTrainer(referenceBackend(), step);
  const seen: number[][] = [];
  for (const gradient of [
    [0.5, -1, 0],
    [-0.1, 2, 0],
    [0, 0, 0],
  ]) {
    await trainer.run({ gradient: hostTensor("float32", [3], gradient) }, 0.1);
    seen.push(toNumbers(trainer.parameters().p));
  }
  // Step 1: 0.1·g has signs +, −, 0 and p shrinks by 0.95. Step 2: 0.9·(0.005, −0.01) + 0.1·g = (−0.0055, 0.191).
  // Step 3: the moment is (0.00395, 0.0101, 0).
  expectClose(seen[0]!, [0.85, -1.8, 0.95]);
  expectClose(seen[1]!, [0.9075, -1.81, 0.9025]);
  expectClose(seen[2]!, [0.762125, -1.8195, 0.857375]);
});

test("bias corrections are exact to float32 from the first step to the millionth", async () => {
  const rates = [0.9, 0.95, 0.999, 0.99999];
  const graph = trace((builder) => {
    const step = builder.input("step", "float32", []);
    for (const rate of rates) builder.output(String(rate), biasCorrection(rate, step));
  });
  const program = await referenceBackend().compile(graph);
  for (const step of [1, 2, 7, 100, 12345, 1e6, 2 ** 24]) {
    const outputs = await program.run({ step: hostTensor("float32", [], [step]) });
    for (const rate of rates) {
      const wanted = -Math.expm1(step * Math.log(rate));
      expect(Math.abs(toNumbers(outputs[String(rate)]!)[0]! / wanted - 1)).toBeLessThan(4e-7);
    }
  }
});

test.each<[OptimizerConfig, number]>([
  [{ name: "sgd" }, 2],
  [{ name: "sgd", momentum: 0.9 }, 5],
  [{ name: "adamw" }, 13],
  [{ name: "adam" }, 12],
  [{ name: "lion" }, 9],
  [{ name: "rmsprop" }, 9],
  [{ name: "adagrad" }, 8],
])("%o costs %i passes over a full-size tensor", (config, passes) => {
  const optimizer = createOptimizer(config);
  const builder = new GraphBuilder();
  const spec = { dtype: "float32", shape: [7, 5] } as const;
  const moments = Object.entries(optimizer.init([{ path: "w", spec }])["w"]!);
  const scalarInput = (name: string) => builder.input(name, "float32", []);
  optimizer.update({
    path: "w",
    parameter: builder.state("w", spec),
    gradient: builder.input("g", "float32", [7, 5]),
    moments: Object.fromEntries(moments.map(([name, moment]) => [name, builder.state(name, moment)])),
    learningRate: scalarInput("learningRate"),
    step: scalarInput("step"),
    decay: optimizer.decayOf("w", [7, 5]),
    gradientScale: scalarInput("gradientScale"),
  });
  const full = builder.nodes.filter(({ outputs }) => builder.types[outputs[0]!]!.shape.length === 2);
  expect(full.length).toBe(passes);
});

test("decay spares vectors unless told otherwise; rules of the caller win", () => {
  const usual = createOptimizer({ name: "adamw", weightDecay: 0.1 });
  expect([usual.decayOf("norm", [8]), usual.decayOf("w", [8, 8])]).toEqual([0, 0.1]);
  expect(createOptimizer({ name: "adamw", decayOn: "all" }).decayOf("norm", [8])).toBe(0.01);
  const own = createOptimizer({ name: "adamw" }, { decays: (path) => path === "norm" });
  expect([own.decayOf("norm", [8]), own.decayOf("w", [8, 8])]).toEqual([0.01, 0]);
});

test("Muon takes hidden matrices and leaves the rest to AdamW", () => {
  const shapes: Record<string, number[]> = {
    "layers.0.attention.query.weight": [8, 8],
    "layers.0.norm.weight": [8],
    "embedding.weight": [16, 8],
    "transformer.wte": [16, 8],
    "model.embed_tokens.weight": [16, 8],
    "outputLayer.weight": [16, 8],
    "lm_head.weight": [16, 8],
    "layers.0.heads.weight": [8, 8],
    experts: [4, 8, 8],
  };
  const muon = createOptimizer({ name: "muon" });
  const parameters = Object.entries(shapes).map(([path, shape]) => ({
    path,
    spec: { dtype: "float32", shape } as const,
  }));
  const moments = muon.init(parameters);
  const taken = Object.keys(moments).filter((path) => "momentum" in moments[path]!);
  expect(taken).toEqual(["layers.0.attention.query.weight", "layers.0.heads.weight"]);
  expect(Object.keys(moments["experts"]!)).toEqual(["first", "second"]);
  expect(isHiddenMatrix("layers.0.mlp.up", [8, 4, 2])).toBe(false);
});

test("orthogonalize pushes all singular values near 1, for wide and tall matrices alike", async () => {
  const wide = [3, 0, 0, 0, 0, 0.2, 0, 0]; // singular values 3 and 0.2
  const tall = [3, 0, 0, 0.2, 0, 0, 0, 0];
  const options = { steps: 5, epsilon: 1e-7, precision: "float32" } as const;
  const graph = trace((builder) => {
    builder.output("wide", orthogonalize(builder.input("wide-in", "float32", [2, 4]), options));
    builder.output("tall", orthogonalize(builder.input("tall-in", "float32", [4, 2]), options));
  });
  const program = await referenceBackend().compile(graph);
  const outputs = await program.run({
    "wide-in": hostTensor("float32", [2, 4], wide),
    "tall-in": hostTensor("float32", [4, 2], tall),
  });
  // On a diagonal matrix the iteration is x ← 3.4445·x − 4.775·x³ + 2.0315·x⁵ on each singular value.
  const iterate = (value: number) => {
    let x = value / Math.hypot(3, 0.2);
    for (let i = 0; i < 5; i++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
    return x;
  };
  expectClose(toNumbers(outputs["wide"]!), [iterate(3), 0, 0, 0, 0, iterate(0.2), 0, 0]);
  expectClose(toNumbers(outputs["tall"]!), [iterate(3), 0, 0, iterate(0.2), 0, 0, 0, 0]);
  expect(iterate(0.2)).toBeGreaterThan(0.6);
});

describe("the registry", () => {
  test("suggests names and options, and refuses values", () => {
    expect(() => createOptimizer({ name: "adamW2" } as unknown as OptimizerConfig)).toThrow(/did you mean "adamw"/);
    expect(() => createOptimizer({ name: "adamw", weightDeacy: 1 } as OptimizerConfig)).toThrow(/weightDecay/);
    expect(() => createOptimizer({ name: "adamw", beta2: 1 })).toThrow(
      /beta2 must be a number from 0 to below 1; got 1\n.*weightDecay \(a number of at least 0/,
    );
    expect(() => createOptimizer({ name: "sgd", momentum: -1 })).toThrow(/momentum must be/);
  });

  test("options are JSON with all defaults, and make the same optimizer again", () => {
    for (const name of Object.keys(optimizers) as (keyof typeof optimizers)[]) {
      const { options } = createOptimizer({ name });
      const copy = JSON.parse(JSON.stringify(options)) as object;
      expect(createOptimizer({ name, ...copy } as OptimizerConfig).options).toEqual(options);
    }
    expect(createOptimizer({ name: "muon", adjustRate: "match_rms_adamw" }).options["fallbackRate"]).toBe(1);
  });
});
