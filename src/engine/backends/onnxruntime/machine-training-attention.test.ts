/** Causal attention in machine code, forward and backward, against the ops that it is composed of. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import {
  attention,
  type Graph,
  gradients,
  type HostTensor,
  hostTensor,
  mul,
  sum,
  toNumbers,
  trace,
} from "../../index.ts";
import { optimize } from "../../passes/index.ts";
import type { Backend } from "../contract.ts";
import { referenceBackend } from "../reference/index.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { onnxruntimeBackend } from "./index.ts";
import { adoptsAttention } from "./machine-training-attention.ts";

type Sizes = readonly [batch: number, heads: number, length: number, headSize: number];

/** Attention between transposes, as a layer has it, and the gradients of a weighted sum of it. */
const traced = ([B, H, T, D]: Sizes, scale?: number): Graph =>
  trace((builder) => {
    const [q, k, v, weights] = ["q", "k", "v", "weights"].map((name) => builder.input(name, "float32", [B, H, T, D]));
    const y = attention(q!, k!, v!, { causal: true, ...(scale === undefined ? {} : { scale }) });
    builder.output("y", y);
    const found = gradients(sum(mul(y, weights!)), [q!, k!, v!]);
    found.forEach((gradient, i) => {
      builder.output(`d${"qkv"[i]}`, gradient!);
    });
  });

function inputs(shape: Sizes, spread = 1): Record<string, HostTensor> {
  const random = createRandom(5);
  const count = shape.reduce((product, size) => product * size, 1);
  return Object.fromEntries(
    ["q", "k", "v", "weights"].map((name) => [
      name,
      hostTensor(
        "float32",
        shape,
        random.normalArray(count).map((x) => x * spread),
      ),
    ]),
  );
}

async function results(backend: Backend, graph: Graph, fed: Record<string, HostTensor>, runs = 1) {
  const program = await backend.compile(graph);
  const found: Record<string, number[]>[] = [];
  for (let run = 0; run < runs; run++) {
    const outputs = Object.entries(await program.run(fed));
    found.push(Object.fromEntries(outputs.map(([name, value]) => [name, toNumbers(value)])));
  }
  await program.dispose();
  return found;
}

function expectClose(got: Record<string, number[]>, want: Record<string, number[]>): void {
  for (const [name, values] of Object.entries(want)) {
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const worst = values.reduce((most, x, i) => {
      const difference = Math.abs(x - got[name]![i]!);
      return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
    }, 0);
    expect(worst / largest, name).toBeLessThan(3e-6);
  }
}

describe.skipIf(!supportsAvx512())("causal attention in machine code", () => {
  const small: Sizes = [2, 4, 96, 32];

  test("agrees with the reference backend", async () => {
    const graph = traced(small, 0.3);
    const [want] = await results(referenceBackend(), graph, inputs(small));
    const [got] = await results(onnxruntimeBackend(), graph, inputs(small));
    expectClose(got!, want!);
  });

  test("means what the op says that stands for it", async () => {
    const optimized = optimize(traced(small), {}, undefined, adoptsAttention);
    expect(optimized.nodes.map((node) => node.op)).toContain("causalAttentionGradient");
    expect(optimized.nodes.map((node) => node.op)).not.toContain("softmax");
    const [want] = await results(referenceBackend(), optimized, inputs(small));
    const [got] = await results(onnxruntimeBackend(), traced(small), inputs(small));
    expectClose(got!, want!);
  });

  test.each<[Sizes, number]>([
    [[1, 3, 256, 64], 1],
    [[3, 7, 64, 128], 1],
    [[1, 2, 352, 32], 1],
    [[2, 1, 288, 96], 6], // large scores: nearly all weight on one key
  ])("agrees with onnxruntime's ops: %j, inputs times %d", async (sizes, spread) => {
    const [want] = await results(onnxruntimeBackend({ fuse: false }), traced(sizes), inputs(sizes, spread));
    const [got] = await results(onnxruntimeBackend(), traced(sizes), inputs(sizes, spread));
    expectClose(got!, want!);
  });

  test("repeats bit for bit", async () => {
    const runs = await results(onnxruntimeBackend(), traced(small), inputs(small), 5);
    for (const run of runs.slice(1)) expect(run).toEqual(runs[0]);
  });

  test("other shapes go the way of the ops it is composed of", () => {
    for (const sizes of [
      [8, 4, 100, 32],
      [8, 4, 96, 48],
      [1, 1, 32, 32],
    ] as const) {
      const ops = optimize(traced(sizes), {}, undefined, adoptsAttention).nodes.map((node) => node.op);
      expect(ops).toContain("softmax");
      expect(ops).not.toContain("composed");
    }
  });
});
