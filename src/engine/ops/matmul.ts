/** Matrix product, the op that all of deep learning waits for. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { type KernelCall, type OpDefinition, requireDType } from "../graph/op.ts";
import { broadcastShapes, showShape, stridesOf } from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { broadcastStrides, forEachOffset } from "./indexing.ts";
import { reshape } from "./movement.ts";
import { sumTo } from "./reduce.ts";

export interface MatmulOptions {
  /** Read `a` as [..., K, M] instead of [..., M, K]. Default false. */
  readonly transposeA?: boolean;
  /** Read `b` as [..., N, K] instead of [..., K, N]. Default false. */
  readonly transposeB?: boolean;
  /** Factor on the product. Default 1. */
  readonly scale?: number;
}

export type MatmulParams = Required<MatmulOptions>;

export const matmulOp: OpDefinition<MatmulParams> = {
  name: "matmul",
  infer: ([a, b], { transposeA, transposeB }) => {
    requireDType("matmul", a!, ["float32"], "left operand");
    requireDType("matmul", b!, ["float32"], "right operand");
    const [m, k] = matrixSize(a!.shape, transposeA);
    const [kb, n] = matrixSize(b!.shape, transposeB);
    if (m === undefined || n === undefined || k !== kb) {
      const note = (on: boolean) => (on ? " transposed" : "");
      throw new CongError(
        "SHAPE_MISMATCH",
        `matmul: cannot multiply ${showShape(a!.shape)}${note(transposeA)} by ${showShape(b!.shape)}${note(transposeB)}: inner sizes are ${k} and ${kb}`,
        { a: a!.shape, b: b!.shape, transposeA, transposeB },
        "operands need rank 2 or more and equal inner sizes; weights are stored [out, in], so pass transposeB",
      );
    }
    const batch = broadcastShapes("matmul (batch axes)", [a!.shape.slice(0, -2), b!.shape.slice(0, -2)]);
    return [{ dtype: "float32", shape: [...batch, m, n] }];
  },
  gradient: ({ inputs, gradients: [g], params: { transposeA, transposeB, scale }, needs }) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const forA = () =>
      transposeA
        ? multiply(b, g!, { transposeA: transposeB, transposeB: true, scale })
        : multiply(g!, b, { transposeA: false, transposeB: !transposeB, scale });
    const forB = () =>
      transposeB
        ? multiply(g!, a, { transposeA: true, transposeB: transposeA, scale })
        : multiply(a, g!, { transposeA: !transposeA, transposeB: false, scale });
    return [needs[0] ? sumTo(forA(), a.shape) : undefined, needs[1] ? sumTo(forB(), b.shape) : undefined];
  },
  evaluate: matmulKernel,
};

const multiply = (a: Tensor, b: Tensor, params: MatmulParams): Tensor => emit(matmulOp, [a, b], params);

/** [rows, columns] of the last two axes after an optional transpose. */
function matrixSize<T>(shape: readonly T[], transposed: boolean): readonly [T | undefined, T | undefined] {
  const [rows, columns] = [shape.at(-2), shape.at(-1)];
  return transposed ? [columns, rows] : [rows, columns];
}

function matmulKernel({ inputs: [a, b], outputs: [y], params }: KernelCall<MatmulParams>): void {
  const { transposeA, transposeB, scale } = params;
  const [M, K] = matrixSize(a!.shape, transposeA) as [number, number];
  const [, N] = matrixSize(b!.shape, transposeB) as [number, number];
  const [rowA, innerA] = transposeA ? [1, M] : [K, 1];
  const [innerB, columnB] = transposeB ? [1, K] : [N, 1];
  const batch = y!.shape.slice(0, -2);
  const batchStrides = [a!, b!].map(({ shape }) => {
    const matrix = shape.at(-2)! * shape.at(-1)!;
    const outer = shape.slice(0, -2);
    return broadcastStrides(outer, batch).map((stride) => stride * matrix);
  });
  const [left, right] = [a!.data, b!.data];
  forEachOffset(batch, [...batchStrides, stridesOf(batch)], ([fromA, fromB], index) => {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let total = 0;
        let i = fromA! + m * rowA;
        let j = fromB! + n * columnB;
        for (let k = 0; k < K; k++, i += innerA, j += innerB) total += left[i]! * right[j]!;
        y!.data[(index * M + m) * N + n] = total * scale;
      }
    }
  });
}

/**
 * Matrix product over the last two axes, broadcasting the others.
 * A left operand of higher rank times one matrix is computed as a single product.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const params = { transposeA: false, transposeB: false, scale: 1, ...options };
  if (a.shape.length <= 2 || b.shape.length !== 2 || params.transposeA) return multiply(a, b, params);
  const rows = reshape(a, [-1, a.shape.at(-1)!]);
  const product = multiply(rows, b, params);
  return reshape(product, [...a.shape.slice(0, -1), product.shape[1]!]);
}
