/**
 * Benchmark `train-step`: one whole training step (forward, backward, clipping, AdamW) of three language models, held
 * against the machine's own rate for the same weight products, and against peers.
 */
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { hostTensor } from "../src/engine/index.ts";
import { decoderLoss, initDecoder } from "../src/nn/index.ts";
import { createRandom } from "../src/support/random.ts";
import { pick } from "../src/support/suggest.ts";
import { adamw, trainStep } from "../src/training/index.ts";
import { fastestMilliseconds, productFlops } from "./matmul-rate.ts";
import { type Benchmark, median, peakRssMb, type Row, say } from "./report.ts";
import { runPeers } from "./run-peers.ts";
import { batch, length, stepFlops, type TrainCase, trainCases, weightProducts } from "./train-step-cases.ts";

const warmups = 2;
const repeats = 5;

export const trainStepBenchmark: Benchmark = {
  summary: "one training step of a 3 M, 30 M and 110 M parameter language model",
  options:
    "[--case 3m|30m|110m] (default all) [--peers] (tfjs and jax-js on 3m, PyTorch on 30m) [--recompute] (blocks are computed again in the backward pass) [--profile] (time by op)",
  async run(options) {
    const names = options.has("case") ? [options.get("case")!] : Object.keys(trainCases);
    const rows: Row[] = [];
    for (const name of names) {
      const model = pick("case", trainCases, name);
      rows.push(await measure(model, { profile: options.has("profile"), recompute: options.has("recompute") }));
      if (options.has("peers")) rows.push(...runPeers(model));
    }
    return rows;
  },
};

interface MeasureOptions {
  readonly profile: boolean;
  readonly recompute: boolean;
}

async function measure(model: TrainCase, { profile, recompute }: MeasureOptions): Promise<Row> {
  const parameters = initDecoder(model, createRandom(0));
  const steps: [string, number][] = [];
  const start = performance.now();
  const step = trainStep({
    parameters,
    optimizer: adamw({ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }),
    clipNorm: 1,
    loss: (builder, tree) => ({
      loss: decoderLoss(
        tree,
        builder.input("tokens", "int32", [batch, length]),
        builder.input("targets", "int32", [batch, length]),
        { ...model, recompute },
      ),
    }),
  });
  steps.push(["trace and gradients", performance.now() - start]);
  const program = await onnxruntimeBackend({ profile }).compile(step.graph, {
    constants: step.constants,
    onStep: (name, milliseconds) => steps.push([name, milliseconds]),
  });
  const compileMs = performance.now() - start;
  say(
    `${model.name}: compiled in ${compileMs.toFixed(0)} ms (${steps
      .filter(([, ms]) => ms > 40)
      .map(([name, ms]) => `${name} ${ms.toFixed(0)}`)
      .join(", ")})`,
  );
  for (const [name, value] of step.initialState()) program.writeState(name, value);

  const feed = { ...syntheticBatch(model.vocabulary), learningRate: hostTensor("float32", [], [3e-4]) };
  const times: number[] = [];
  const losses: number[] = [];
  for (let i = 0; i < warmups + repeats; i++) {
    const began = performance.now();
    const { loss } = await program.run(feed);
    times.push(performance.now() - began);
    losses.push(Number(loss!.data[0]));
    say(
      `${model.name}: step ${i + 1}/${warmups + repeats}  loss ${losses.at(-1)!.toFixed(4)}  ${times.at(-1)!.toFixed(0)} ms`,
    );
  }
  const peak = peakRssMb();
  const where = profile ? { byOp: byOp(program.profile(warmups)) } : {};
  await program.dispose();

  const ms = median(times.slice(warmups));
  const gflops = stepFlops(model) / ms / 1e6;
  const gemmGflops = gemmRate(model);
  return {
    case: model.name,
    engine: "congling",
    ms,
    gflops,
    gemmGflops,
    ratio: gflops / gemmGflops,
    compileMs,
    peakRssMb: peak,
    ...(recompute ? { recompute } : {}),
    losses,
    ...where,
  };
}

/** Σ FLOPs ÷ Σ times of all weight products of a step, each alone in its fastest layout. */
function gemmRate(model: TrainCase): number {
  const known = new Map<string, number>();
  let flops = 0;
  let milliseconds = 0;
  for (const { product, count } of weightProducts(model)) {
    const key = [product.rows, product.inner, product.columns].join("x");
    if (!known.has(key))
      known.set(key, fastestMilliseconds(product, productFlops(product) > 1e10 ? 3 : 5).milliseconds);
    flops += productFlops(product) * count;
    milliseconds += known.get(key)! * count;
  }
  return flops / milliseconds / 1e6;
}

/** The same tokens for every engine: token i of the flat [8, 257] array is (i·7919 + 13) mod V. */
function syntheticBatch(vocabulary: number) {
  const at = (row: number, column: number) => ((row * (length + 1) + column) * 7919 + 13) % vocabulary;
  const grid = (shift: number) =>
    Int32Array.from({ length: batch * length }, (_, i) => at(Math.floor(i / length), (i % length) + shift));
  return {
    tokens: { dtype: "int32", shape: [batch, length], data: grid(0) },
    targets: { dtype: "int32", shape: [batch, length], data: grid(1) },
  } as const;
}

/** Milliseconds a step by ONNX kernel and by our op, the longest first. */
function byOp(times: readonly { op: string; kernel: string; milliseconds: number; calls: number }[]): Row[] {
  const sums = new Map<string, { op: string; kernel: string; ms: number; calls: number }>();
  for (const { op, kernel, milliseconds, calls } of times) {
    const entry = sums.get(`${op} ${kernel}`) ?? { op, kernel, ms: 0, calls: 0 };
    entry.ms += milliseconds / repeats;
    entry.calls += calls / repeats;
    sums.set(`${op} ${kernel}`, entry);
  }
  const rows = [...sums.values()].sort((a, b) => b.ms - a.ms);
  for (const row of rows.slice(0, 25))
    say(`${row.ms.toFixed(1).padStart(9)} ms ${String(Math.round(row.calls)).padStart(5)} × ${row.kernel} (${row.op})`);
  return rows;
}
