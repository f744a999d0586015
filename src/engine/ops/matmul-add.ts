/**
 * a·b·scale + c as one node, for backends that add while they store the product. Only the pass `fuse-matmul-add` makes
 * it, after differentiation, so it is not in the op table.
 */
import { CongError } from "../../support/errors.ts";
import { notDifferentiable, type OpDefinition } from "../graph/op.ts";
import { type Shape, sameShape, showShape } from "../graph/shape.ts";
import { type MatmulParams, matmulOp } from "./matmul.ts";

/** How c lies in the product: a matrix for each of the batch, or one for all; undefined if neither. */
export function addendLayout(product: Shape, c: Shape): "each" | "shared" | undefined {
  if (sameShape(product, c)) return "each";
  const outer = c.slice(0, -2);
  const isOneMatrix = c.length >= 2 && c.length <= product.length && sameShape(product.slice(-2), c.slice(-2));
  return isOneMatrix && outer.every((size) => size === 1) ? "shared" : undefined;
}

export const matmulAddOp: OpDefinition<MatmulParams> = {
  name: "matmulAdd",
  infer: ([a, b, c], params) => {
    const [type] = matmulOp.infer([a!, b!], params);
    if (c!.dtype !== "float32" || addendLayout(type!.shape, c!.shape) === undefined) {
      const got = `${c!.dtype} ${showShape(c!.shape)}`;
      throw new CongError("BROKEN_GRAPH", `matmulAdd: cannot add ${got} to ${showShape(type!.shape)}`, {});
    }
    return [type!];
  },
  gradient: notDifferentiable("it is made after differentiation"),
  evaluate: (call) => {
    const [a, b, c] = call.inputs;
    matmulOp.evaluate({ ...call, inputs: [a!, b!] });
    const y = call.outputs[0]!.data;
    const added = c!.data;
    for (let i = 0; i < y.length; i++) y[i] = Number(y[i]) + Number(added[i % added.length]);
  },
};
