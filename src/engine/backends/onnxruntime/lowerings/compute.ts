/** Reductions, matrix products, normalisation and rotary embedding, on onnxruntime's fused kernels where it has them. */
import type { Attributes, Lowerer, Lowering, LoweringTable } from "../lowering.ts";
import { paramsOf } from "./tensor.ts";

const contrib = "com.microsoft";

/** Σ x·x is one pass over x when the product has no other reader. */
const sum: Lowering = (lower, node, [x]) => {
  const { axes, keepDims } = paramsOf<"sum">(node);
  const product = lower.producer(node.inputs[0]!);
  const square = product?.op === "mul" && product.inputs[0] === product.inputs[1] && lower.uses(node.inputs[0]!) === 1;
  const operand = square ? lower.nameOf(product.inputs[0]!) : x!;
  return [reduce(lower, square && axes.length > 0 ? "ReduceSumSquare" : "ReduceSum", operand, axes, keepDims)];
};

function reduce(lower: Lowerer, op: string, x: string, axes: readonly number[], keepDims: boolean): string {
  if (axes.length === 0) return lower.emit("Identity", [x]);
  const attributes = { keepdims: { int: Number(keepDims) } };
  return lower.emit(op, [x, lower.constant("int64", [axes.length], axes)], { attributes });
}

const alongAxis =
  (op: string): Lowering =>
  (lower, node, [x]) => [
    lower.emit(op, [x!], { attributes: { axis: { int: (node.params as { axis: number }).axis } } }),
  ];

export const compute = {
  sum,
  max: (lower, node, [x]) => {
    const { axes, keepDims } = paramsOf<"max">(node);
    return [reduce(lower, "ReduceMax", x!, axes, keepDims)];
  },
  argmax: (lower, node, [x]) => {
    const { axis, keepDims } = paramsOf<"argmax">(node);
    const attributes = { axis: { int: axis }, keepdims: { int: Number(keepDims) } };
    return [lower.emit("ArgMax", [x!], { attributes })];
  },
  matmul: (lower, node, [a, b]) => {
    const { transposeA, transposeB, scale } = paramsOf<"matmul">(node);
    if (!transposeA && !transposeB && scale === 1) return [lower.emit("MatMul", [a!, b!])];
    const attributes = {
      transA: { int: Number(transposeA) },
      transB: { int: Number(transposeB) },
      alpha: { float: scale },
    };
    return [lower.emit("FusedMatMul", [a!, b!], { domain: contrib, attributes })];
  },
  softmax: alongAxis("Softmax"),
  logSoftmax: alongAxis("LogSoftmax"),
  rmsNorm: (lower, node, [x, weight]) => {
    const outputs = lower.isUsed(1) ? 2 : 1;
    const [y, inverse] = lower.emitAll("SimplifiedLayerNormalization", [x!, weight!], {
      attributes: normAttributes(node.params),
      outputs,
    });
    return [y!, ...(inverse === undefined ? [] : [inverse])];
  },
  layerNorm: (lower, node, inputs) => {
    const outputs = lower.isUsed(1) || lower.isUsed(2) ? 3 : 1;
    return lower.emitAll("LayerNormalization", inputs, { attributes: normAttributes(node.params), outputs });
  },
  rotary: (lower, node, [x, cosines, sines]) => {
    const [B, T, H, D] = lower.inputType(0).shape as [number, number, number, number];
    const half = Number(lower.inputType(1).shape.at(-1));
    const perBatch = lower.inputType(1).shape.length === 3;
    // Tables per batch are laid end to end, and the positions count through them.
    const flat = (table: string) => (perBatch ? lower.emit("Reshape", [table, lower.shape([-1, half])]) : table);
    const positions = perBatch ? countPositions(lower, B, T) : lower.constant("int64", [1], [0]);
    const attributes: Attributes = {
      interleaved: { int: Number(paramsOf<"rotary">(node).interleaved) },
      num_heads: { int: Number(H) },
      // Only a partial rotation is announced: with it onnxruntime takes a path that it otherwise refuses.
      ...(2 * half < Number(D) ? { rotary_embedding_dim: { int: 2 * half } } : {}),
    };
    const joined = lower.emit("Reshape", [x!, lower.shape([B, T, Number(H) * Number(D)])]);
    const rotated = lower.emit("RotaryEmbedding", [joined, positions, flat(cosines!), flat(sines!)], {
      domain: contrib,
      attributes,
    });
    return [lower.emit("Reshape", [rotated, lower.shape([B, T, H, D])])];
  },
} as const satisfies LoweringTable;

const normAttributes = (params: unknown): Attributes => ({
  axis: { int: -1 },
  epsilon: { float: (params as { epsilon: number }).epsilon },
});

/** 0 … B·T − 1 as [B, T]. */
function countPositions(lower: Lowerer, B: number | string, T: number | string): string {
  const size = lower.emit("ReduceProd", [lower.shape([B, T])], { attributes: { keepdims: { int: 0 } } });
  const count = lower.emit("Range", [lower.constant("int64", [], [0]), size, lower.constant("int64", [], [1])]);
  return lower.emit("Reshape", [count, lower.shape([B, T])]);
}
