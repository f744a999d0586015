/** Times single matrix products on preallocated buffers: the machine's own rate, which a training step is held against. */

import { opsets } from "../src/engine/backends/onnxruntime/index.ts";
import {
  allocate,
  free,
  type NativeTensor,
  releaseTensor,
  tensorOver,
} from "../src/engine/backends/onnxruntime/memory.ts";
import { createSession } from "../src/engine/backends/onnxruntime/session.ts";
import { elementCount } from "../src/engine/index.ts";
import { type OnnxNode, writeOnnx } from "../src/formats/onnx/index.ts";
import { createRandom } from "../src/support/random.ts";
import { median } from "./report.ts";

/** rows × inner · inner × columns */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

export const productFlops = ({ rows, inner, columns }: Product): number => 2 * rows * inner * columns;

interface Layout {
  readonly op: "MatMul" | "FusedMatMul" | "Gemm";
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Every way onnxruntime can be asked for a product of two float32 matrices. */
const layouts: readonly Layout[] = [
  { op: "MatMul", transposeA: false, transposeB: false },
  { op: "FusedMatMul", transposeA: false, transposeB: true },
  { op: "FusedMatMul", transposeA: true, transposeB: false },
  { op: "FusedMatMul", transposeA: true, transposeB: true },
  { op: "Gemm", transposeA: false, transposeB: false },
  { op: "Gemm", transposeA: false, transposeB: true },
];

/** Milliseconds of a product in its fastest layout: the least of the layouts' medians. */
export function fastestMilliseconds(product: Product, runs = 5): { milliseconds: number; layout: string } {
  const timed = layouts.map((layout) => ({
    layout: describe(layout),
    milliseconds: layoutMilliseconds(product, layout, runs),
  }));
  return timed.reduce((best, next) => (next.milliseconds < best.milliseconds ? next : best));
}

const describe = ({ op, transposeA, transposeB }: Layout): string =>
  `${op}${transposeA ? " Aᵀ" : ""}${transposeB ? " Bᵀ" : ""}`;

function layoutMilliseconds(
  { rows, inner, columns }: Product,
  { op, transposeA, transposeB }: Layout,
  runs: number,
): number {
  const shapes = {
    a: transposeA ? [inner, rows] : [rows, inner],
    b: transposeB ? [columns, inner] : [inner, columns],
    y: [rows, columns],
  };
  const node: OnnxNode = {
    op,
    domain: op === "FusedMatMul" ? "com.microsoft" : "",
    inputs: ["a", "b"],
    outputs: ["y"],
    attributes: op === "MatMul" ? {} : { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) } },
  };
  const value = (name: keyof typeof shapes) => ({ name, dtype: "float32" as const, shape: shapes[name] });
  const model = {
    name: "product",
    nodes: [node],
    inputs: [value("a"), value("b")],
    outputs: [value("y")],
    initializers: [],
  };
  const session = createSession(writeOnnx(model, { opsets }), ["a", "b"], ["y"]);
  const random = createRandom(0);
  const buffers = Object.values(shapes).map((shape) => allocate(elementCount(shape) * 4));
  const [a, b, y] = Object.values(shapes).map((shape, i) => tensorOver(buffers[i]!, "float32", shape)) as [
    NativeTensor,
    NativeTensor,
    NativeTensor,
  ];
  for (const tensor of [a, b]) (tensor.data as Float32Array).set(random.uniformArray(tensor.data.length, -1, 1));
  const binding = session.bind([a, b], [y]);
  session.run(binding); // touches the output and the arena
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    session.run(binding);
    return performance.now() - start;
  });
  session.release();
  for (const tensor of [a, b, y]) releaseTensor(tensor);
  buffers.forEach(free);
  return median(times);
}
