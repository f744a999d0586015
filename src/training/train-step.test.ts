/** Clipping, accumulation, freezing, averaging, loss scaling and the refusal to go on with NaN. */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import {
  add,
  div,
  dropout,
  type GraphBuilder,
  type HostTensor,
  hostTensor,
  log,
  matmul,
  mean,
  mul,
  type RandomSource,
  reshape,
  sub,
  sum,
  type Tensor,
  toNumbers,
} from "../engine/index.ts";
import { createOptimizer } from "./optimizers/index.ts";
import { type TrainStepOptions, trainStep } from "./train-step.ts";
import { createTrainer } from "./trainer.ts";

const xy = { x: hostTensor("float32", [2, 2], [1, -2, 0.5, 3]), y: hostTensor("float32", [2], [2, -1]) };
type Options = Omit<TrainStepOptions<typeof xy>, "parameters" | "loss" | "optimizer">;

/** Σ (x·y)² */
const productLoss = (_: GraphBuilder, { x, y }: { x: Tensor; y: Tensor }) => {
  const product = matmul(x, reshape(y, [2, 1]));
  return { loss: sum(mul(product, product)), metrics: { largest: sum(y) } };
};

const product = (options: Options, name: "sgd" | "adamw" = "sgd") =>
  createTrainer(
    referenceBackend(),
    trainStep({ parameters: xy, loss: productLoss, optimizer: createOptimizer({ name, weightDecay: 0 }), ...options }),
  );

test("clips the global norm as clip_grad_norm_ (three steps of PyTorch 1.13)", async () => {
  const trainer = await product({ clipNorm: 1 });
  const wanted = [
    [20, 34.928497314453125],
    [16.69999122619629, 31.10392189025879],
    [13.773870468139648, 27.450532913208008],
  ];
  for (const [loss, norm] of wanted) {
    const result = await trainer.run({}, 0.1);
    expect(result.loss / loss!).toBeCloseTo(1, 5);
    expect(result.gradientNorm / norm!).toBeCloseTo(1, 5);
  }
  const { x, y } = trainer.parameters();
  const close = (got: HostTensor, values: number[]) =>
    toNumbers(got).forEach((value, i) => {
      expect(value).toBeCloseTo(values[i]!, 5);
    });
  close(x, [0.8578338027, -1.934196353, 0.5652191639, 2.9696702957]);
  close(y, [1.9488613605, -0.7599405646]);
});

test("reports metrics; no clipping with null", async () => {
  const trainer = await product({ clipNorm: null });
  expect((await trainer.run({}, 0.01)).metrics).toEqual({ largest: 1 });
  // d/dy = 2·xᵀ(x·y) with x·y = (4, −2): (6, −28); y − 0.01·that
  expect(toNumbers(trainer.parameters().y).map((v) => v.toFixed(5))).toEqual(["1.94000", "-0.72000"]);
});

test("frozen parameters are constants: not in the state, not changed, not differentiated", async () => {
  const step = trainStep({
    parameters: xy,
    loss: productLoss,
    optimizer: createOptimizer({ name: "adamw" }),
    frozen: (path) => path === "x",
  });
  expect(step.trainable).toEqual(["y"]);
  expect(Object.keys(step.constants)).toEqual(["model.x"]);
  expect(step.graph.state.map(({ name }) => name)).toEqual([
    "model.y",
    "training.step",
    "training.randomKey",
    "optimizer.first.y",
    "optimizer.second.y",
  ]);
  const trainer = await createTrainer(referenceBackend(), step);
  await trainer.run({}, 0.1);
  expect(trainer.parameters().x).toBe(xy.x);
  expect(toNumbers(trainer.parameters().y)).not.toEqual([2, -1]);
  const optimizer = createOptimizer({ name: "sgd" });
  expect(() => trainStep({ parameters: xy, loss: productLoss, optimizer, frozen: () => true })).toThrow(
    /all 2 .* frozen/,
  );
});

describe("accumulation", () => {
  const weights = { w: hostTensor("float32", [3, 1], [0.5, -0.25, 1]) };
  const rows = [1, 2, 3, -1, 0, 2, 0.5, 0.5, -1, 2, -2, 1];

  /** Mean of (x·w − 1)² over the rows whose mask is 1. */
  const maskedMean =
    (hasWeight: boolean) =>
    (builder: GraphBuilder, { w }: { w: Tensor }) => {
      const error = sub(matmul(builder.input("x", "float32", ["batch", 3]), w), 1);
      const mask = builder.input("mask", "float32", ["batch", 1]);
      const weight = sum(mask);
      const loss = div(sum(mul(mul(error, error), mask)), weight);
      return { loss, metrics: { first: sum(error) }, ...(hasWeight ? { weight } : {}) };
    };

  async function run(accumulate: number, mask: number[], hasWeight: boolean, lossScale?: true) {
    const step = trainStep({
      parameters: weights,
      loss: maskedMean(hasWeight),
      optimizer: createOptimizer({ name: "sgd", momentum: 0.9 }),
      clipNorm: 0.5,
      accumulate,
      ...(lossScale ? { lossScale } : {}),
    });
    const trainer = await createTrainer(referenceBackend(), step);
    const shape = (width: number) => (accumulate === 1 ? [4, width] : [accumulate, 4 / accumulate, width]);
    const inputs = { x: hostTensor("float32", shape(3), rows), mask: hostTensor("float32", shape(1), mask) };
    const results = [await trainer.run(inputs, 0.1), await trainer.run(inputs, 0.1)];
    const numbers = results.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
    return {
      numbers: [...numbers, ...toNumbers(trainer.parameters().w)],
      key: trainer.readState("training.randomKey"),
    };
  }
  const difference = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));

  test.each([2, 4])("%i micro-batches equal one batch", async (accumulate) => {
    const whole = await run(1, [1, 1, 1, 1], false);
    const parts = await run(accumulate, [1, 1, 1, 1], false);
    expect(difference(parts.numbers, whole.numbers)).toBeLessThan(2e-6);
    expect(toNumbers(whole.key)).toEqual([0, 2]);
    expect(toNumbers(parts.key)).toEqual([0, 2 * accumulate]);
    expect(difference((await run(accumulate, [1, 1, 1, 1], false, true)).numbers, whole.numbers)).toBeLessThan(2e-6);
  });

  test("with a weight they do so whatever the padding; without, they are the mean of means", async () => {
    const whole = await run(1, [1, 1, 1, 0], true);
    expect(difference((await run(2, [1, 1, 1, 0], true)).numbers, whole.numbers)).toBeLessThan(2e-6);
    // Errors at the start are 2, 0.5, −1.875: means 2.125 and 3.515625, mean of the means 2.8203125.
    expect((await run(2, [1, 1, 1, 0], false)).numbers[0]).toBeCloseTo(2.8203125, 5);
    expect(whole.numbers[0]).toBeCloseTo((4 + 0.25 + 3.515625) / 3, 5);
  });

  test("a plain step has no node for accumulation", () => {
    const graph = trainStep({
      parameters: weights,
      loss: maskedMean(true),
      optimizer: createOptimizer({ name: "sgd" }),
    }).graph;
    expect(graph.nodes.some(({ op }) => op === "scan")).toBe(false);
  });

  test("a loss without inputs cannot be cut up", () => {
    const optimizer = createOptimizer({ name: "sgd" });
    expect(() => trainStep({ parameters: xy, loss: productLoss, optimizer, accumulate: 2 })).toThrow(/no input to cut/);
  });
});

test("the moving average follows e ← d·e + (1 − d)·p", async () => {
  const trainer = await product({ ema: 0.75, clipNorm: null });
  await trainer.run({}, 0.01);
  await trainer.run({}, 0.01);
  const other = await product({ clipNorm: null });
  await other.run({}, 0.01);
  const [first] = toNumbers(other.parameters().y);
  const [second] = toNumbers(trainer.parameters().y);
  const wanted = 0.75 * (0.75 * 2 + 0.25 * first!) + 0.25 * second!;
  expect(toNumbers(trainer.parameters("ema").y)[0]).toBeCloseTo(wanted, 6);
  expect(() => other.parameters("ema")).toThrow(/no moving average/);
});

test("dropout differs from step to step and repeats with the seed", async () => {
  const noisy = async (seed: number) => {
    const step = trainStep({
      parameters: { p: hostTensor("float32", [64], new Float32Array(64).fill(1)) },
      loss: (_: GraphBuilder, { p }, random: RandomSource) => ({ loss: mean(dropout(p, 0.5, random)) }),
      optimizer: createOptimizer({ name: "sgd" }),
      seed,
    });
    const trainer = await createTrainer(referenceBackend(), step);
    return [await trainer.run({}, 0), await trainer.run({}, 0), await trainer.run({}, 0)].map(({ loss }) => loss);
  };
  const losses = await noisy(3);
  expect(new Set(losses).size).toBe(3);
  expect(await noisy(3)).toEqual(losses);
  expect(await noisy(4)).not.toEqual(losses);
});

describe("loss scaling", () => {
  test("skips overflowing updates, backs off and grows as GradScaler", async () => {
    const trainer = await product(
      { clipNorm: null, lossScale: { initial: 2 ** 70, growthInterval: 2 }, ema: 0.5 },
      "adamw",
    );
    const scale = () => Math.log2(toNumbers(trainer.readState("training.lossScale"))[0]!);
    const start = trainer.stateTypes().map(({ name }) => trainer.readState(name));
    // Gradients reach 56: squares overflow float32 (2^128) until the scale is below 2^58.
    const seen: [boolean, number][] = [];
    for (let i = 0; i < 60; i++) {
      const { isSkipped } = await trainer.run({}, 0.01);
      if (i === 0) {
        const now = trainer.stateTypes().map(({ name }) => trainer.readState(name));
        const changed = trainer
          .stateTypes()
          .filter((_, k) => toNumbers(now[k]!).join() !== toNumbers(start[k]!).join());
        expect(changed.map(({ name }) => name)).toEqual(["training.randomKey", "training.lossScale"]);
      }
      seen.push([isSkipped, scale()]);
      if (!isSkipped) break;
    }
    expect(seen[0]).toEqual([true, 69]);
    const skipped = seen.length - 1;
    expect(seen.at(-1)).toEqual([false, 70 - skipped]);
    await trainer.run({}, 0.01);
    expect(scale()).toBe(70 - skipped + 1);
    expect(toNumbers(trainer.readState("training.step"))).toEqual([2]);
  });

  test("gives up when the scale is below its minimum", async () => {
    const step = trainStep({
      parameters: { p: hostTensor("float32", [1], [-1]) },
      loss: (_, { p }) => ({ loss: sum(log(p)) }),
      optimizer: createOptimizer({ name: "sgd" }),
      lossScale: { initial: 4, minimum: 1 },
    });
    const trainer = await createTrainer(referenceBackend(), step);
    expect((await trainer.run({}, 0.1)).isSkipped).toBe(true);
    expect((await trainer.run({}, 0.1)).isSkipped).toBe(true);
    await expect(trainer.run({}, 0.1)).rejects.toMatchObject({ code: "NOT_FINITE", details: { scale: 0.5 } });
  });
});

describe("numbers that are not finite", () => {
  const parameters = { good: hostTensor("float32", [2], [1, 2]), bad: hostTensor("float32", [2], [1, 2]) };
  const step = trainStep({
    parameters,
    loss: (builder, { good, bad }) => {
      const x = builder.input("x", "float32", [2]);
      return { loss: add(sum(mul(good, good)), sum(mul(bad, x))) };
    },
    optimizer: createOptimizer({ name: "adamw", decayOn: "all", weightDecay: 0.5 }),
  });

  test("stop the run, name the tensor and the input, and leave the others alone", async () => {
    const trainer = await createTrainer(referenceBackend(), step);
    const failing = trainer.run({ x: hostTensor("float32", [2], [1, Number.NaN]) }, 0.1);
    await expect(failing).rejects.toMatchObject({
      code: "NOT_FINITE",
      details: { tensors: ["bad"], inputs: ["x"], loss: Number.NaN },
    });
    await expect(failing).rejects.toThrow(/in 1 of 2 tensors: bad; the batch itself holds NaN/);
    expect(toNumbers(trainer.parameters().good)).toEqual([1, 2]);
    expect(toNumbers(trainer.parameters().bad)).toEqual([1, Number.NaN]);
    expect(toNumbers(trainer.readState("training.step"))).toEqual([0]);
  });

  test("also when only the norm overflows", async () => {
    const trainer = await createTrainer(referenceBackend(), step);
    const failing = trainer.run({ x: hostTensor("float32", [2], [1e30, 0]) }, 0.1);
    await expect(failing).rejects.toThrow(/gradient norm Infinity; every gradient is finite by itself/);
    expect(toNumbers(trainer.parameters().bad)).toEqual([1, 2]);
  });
});

test("refuses a loss that is not a scalar, parameters that cannot train, and bad options", () => {
  const optimizer = createOptimizer({ name: "sgd" });
  const half = { p: hostTensor("bfloat16", [2], [0, 0]) };
  expect(() => trainStep({ parameters: xy, optimizer, loss: (_, { y }) => ({ loss: y }) })).toThrow(
    /"loss" as float32\[2\]/,
  );
  expect(() => trainStep({ parameters: half, optimizer, loss: (_, { p }) => ({ loss: p }) })).toThrow(
    /"p" is bfloat16/,
  );
  expect(() => trainStep({ parameters: xy, optimizer, loss: productLoss, accumulate: 0 })).toThrow(/accumulate is 0/);
  expect(() => trainStep({ parameters: xy, optimizer, loss: productLoss, clipNorm: -1 })).toThrow(/clipNorm is -1/);
});
