/** Caches of keys and values, on plain ONNX ops. Our own code does better where it runs (`machine-attention.ts`). */
import type { Lowerer, LoweringTable } from "../lowering.ts";
import { paramsOf } from "./tensor.ts";

export const cache = {
  // What comes before, the new rows, what comes after; cut off at the capacity.
  cacheWrite: (lower, _node, [cache, fresh, start]) => {
    const end = endOfRows(lower, fresh!, start!);
    const before = rows(lower, cache!, vector(lower, 0), start!);
    const after = rows(lower, cache!, end, vector(lower, 2 ** 53));
    const joined = lower.emit("Concat", [before, fresh!, after], { attributes: { axis: { int: 2 } } });
    return [rows(lower, joined, vector(lower, 0), lower.shape([lower.inputType(0).shape[2]!]))];
  },
  cacheAttention: (lower, node, [q, k, v, start, bias]) => {
    const { scale, causal } = paramsOf<"cacheAttention">(node);
    const [B, H, T, D] = lower.inputType(0).shape;
    const [, G] = lower.inputType(1).shape;
    const end = endOfRows(lower, q!, start!);
    const [keys, values] = [k!, v!].map((tensor) => rows(lower, tensor, vector(lower, 0), end));
    // The query heads of one group share a key head: laid end to end they form one longer matrix.
    const grouped = lower.emit("Reshape", [q!, lower.shape([B!, G!, -1, D!])]);
    const attributes = { transB: { int: 1 }, alpha: { float: scale } };
    const products = lower.emit("FusedMatMul", [grouped, keys!], { domain: "com.microsoft", attributes });
    const scores = lower.emit("Reshape", [
      products,
      lower.emit("Concat", [lower.shape([B!, H!, T!]), end], { attributes: { axis: { int: 0 } } }),
    ]);
    const added = causal ? causalBias(lower, start!, end) : lastAxis(lower, bias!, end);
    const weights = lower.emit("Softmax", [lower.emit("Add", [scores, added])], { attributes: { axis: { int: -1 } } });
    const joined = lower.emit("Reshape", [
      weights,
      lower.emit("Concat", [lower.shape([B!, G!, -1]), end], { attributes: { axis: { int: 0 } } }),
    ]);
    return [lower.emit("Reshape", [lower.emit("MatMul", [joined, values!]), lower.shape(lower.outputType(0).shape)])];
  },
} as const satisfies LoweringTable;

const vector = (lower: Lowerer, value: number): string => lower.constant("int64", [1], [value]);

/** start + T, as an int64 vector; T is the third axis of `fresh`. */
function endOfRows(lower: Lowerer, fresh: string, start: string): string {
  const count = lower.emit("Shape", [fresh], { attributes: { start: { int: 2 }, end: { int: 3 } } });
  return lower.emit("Add", [start, count]);
}

const rows = (lower: Lowerer, tensor: string, from: string, to: string): string =>
  lower.emit("Slice", [tensor, from, to, vector(lower, 2)]);
const lastAxis = (lower: Lowerer, tensor: string, to: string): string =>
  lower.emit("Slice", [tensor, vector(lower, 0), to, vector(lower, -1)]);

/** [T, end]: 0 where row j ≤ start + t, else far below. */
function causalBias(lower: Lowerer, start: string, end: string): string {
  const range = (from: string, to: string) =>
    lower.emit("Range", [lower.emit("Squeeze", [from]), lower.emit("Squeeze", [to]), lower.constant("int64", [], [1])]);
  const columns = range(vector(lower, 0), end);
  const own = lower.emit("Unsqueeze", [range(start, end), vector(lower, 1)]);
  const seen = lower.emit("LessOrEqual", [columns, own]);
  return lower.emit("Where", [seen, lower.constant("float32", [], [0]), lower.constant("float32", [], [-1e30])]);
}
