/** Quantised products on our own kernels against the reference, which rounds the left operand just so. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import { trace } from "../../graph/builder.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../graph/dtype.ts";
import type { Graph } from "../../graph/graph.ts";
import { quantizedMatmul, type WeightBits } from "../../ops/quantized.ts";
import type { Backend } from "../contract.ts";
import { referenceBackend } from "../reference/index.ts";
import { supportsVnni } from "../x64/vnni.ts";
import { onnxruntimeBackend } from "./index.ts";

interface Weight {
  readonly rows: number;
  readonly bits: WeightBits;
}

/** Products of one left operand [batch, length, columns] with several weights, and the weights' data. */
function products(columns: number, weights: readonly Weight[], { half }: { half: boolean }) {
  const random = createRandom(columns).fork(JSON.stringify(weights));
  const constants: Record<string, HostTensor> = {};
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", ["batch", "length", columns]);
    weights.forEach(({ rows, bits }, i) => {
      const blocks = columns / 32;
      const codes = Uint8Array.from({ length: rows * blocks * 4 * bits }, () => random.integer(256));
      // Whole 256ths are exact in half precision; thirds are not.
      const scales = Array.from({ length: rows * blocks }, () => (random.integer(64) - 32) / (half ? 256 : 300));
      constants[`w${i}.codes`] = { dtype: "uint8", shape: [rows, blocks, 4 * bits], data: codes };
      constants[`w${i}.scales`] = hostTensor("float32", [rows, blocks], scales);
      const w = builder.constants(`w${i}`, {
        codes: { dtype: "uint8", shape: [rows, blocks, 4 * bits] },
        scales: { dtype: "float32", shape: [rows, blocks] },
      });
      builder.output(`y${i}`, quantizedMatmul(x, w.codes, w.scales, { bits, activations: "int8" }));
    });
  });
  return { graph, constants };
}

async function run(
  backend: Backend,
  graph: Graph,
  constants: Record<string, HostTensor>,
  inputs: readonly HostTensor[],
): Promise<number[][][]> {
  const program = await backend.compile(graph, { constants });
  const results: number[][][] = [];
  for (const x of inputs) results.push(Object.values(await program.run({ x })).map(toNumbers));
  await program.dispose();
  return results;
}

/** Normal values; a block of zeros, and one that is tiny. */
function leftOperand(batch: number, length: number, columns: number): HostTensor {
  const data = createRandom(batch * length + columns).normalArray(batch * length * columns);
  data.fill(0, 0, 32);
  for (let i = 32; i < Math.min(64, columns); i++) data[i]! *= 1e-20;
  return { dtype: "float32", shape: [batch, length, columns], data: Float32Array.from(data) };
}

function worst(got: readonly number[], wanted: readonly number[]): number {
  const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
  return got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i]!)), 0) / scale;
}

describe.skipIf(!supportsVnni())("machine code", () => {
  test.each<[number, Weight[], boolean]>([
    [32, [{ rows: 16, bits: 4 }], true],
    [64, [{ rows: 1, bits: 8 }], true],
    [96, [{ rows: 37, bits: 4 }], true],
    [96, [{ rows: 37, bits: 8 }], false],
    [64, [{ rows: 31, bits: 4 }], false],
    [
      64,
      [
        { rows: 33, bits: 4 },
        { rows: 5, bits: 4 },
        { rows: 48, bits: 4 },
        { rows: 17, bits: 8 },
      ],
      true,
    ],
  ])("%i columns, weights %j", async (columns, weights, half) => {
    const { graph, constants } = products(columns, weights, { half });
    const inputs = [
      [1, 1],
      [1, 2],
      [2, 3],
      [1, 7],
      [5, 5],
      [1, 1],
    ].map(([batch, length]) => leftOperand(batch!, length!, columns));
    const got = await run(onnxruntimeBackend({ threads: 2 }), graph, constants, inputs);
    const wanted = await run(referenceBackend(), graph, constants, inputs);
    wanted.forEach((tensors, i) => {
      tensors.forEach((values, k) => {
        expect(got[i]![k]!).toHaveLength(values.length);
        expect(worst(got[i]![k]!, values)).toBeLessThan(2e-6);
      });
    });
  });

  test("many chunks and blocks of rows", async () => {
    const { graph, constants } = products(2048, [{ rows: 200, bits: 4 }], { half: true });
    const inputs = [leftOperand(1, 160, 2048)];
    const [got] = await run(onnxruntimeBackend({ threads: 2 }), graph, constants, inputs);
    const [wanted] = await run(referenceBackend(), graph, constants, inputs);
    expect(worst(got![0]!, wanted![0]!)).toBeLessThan(2e-6);
  });

  test("is what is measured: MatMulNBits gives nearly the same", async () => {
    const { graph, constants } = products(256, [{ rows: 64, bits: 4 }], { half: true });
    const inputs = [leftOperand(1, 3, 256)];
    const [ours] = await run(onnxruntimeBackend(), graph, constants, inputs);
    const [theirs] = await run(onnxruntimeBackend({ fuse: false }), graph, constants, inputs);
    expect(worst(ours![0]!, theirs![0]!)).toBeLessThan(1e-2);
  });
});
