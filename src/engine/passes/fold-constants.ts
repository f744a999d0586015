/**
 * Computes at compile time what depends on literals only, with the reference kernels: masks, rotary tables, scalars.
 *
 * Results over a million elements, and copies of one number, stay as they are: they are cheaper to make than to store.
 */
import { CongError } from "../../support/errors.ts";
import { type DType, elementCount, type HostTensor } from "../graph/dtype.ts";
import type { Node, TensorType } from "../graph/graph.ts";
import { allocateNumbers } from "../graph/interpret.ts";
import { fromNumbers, toKernelTensor } from "../graph/kernel-values.ts";
import type { KernelTensor } from "../graph/op.ts";
import { expandOp } from "../ops/movement.ts";
import { constantOp } from "../ops/source.ts";
import { type Pass, Rewriter } from "./rewrite.ts";

const largestFold = 1 << 20; // elements
const storageTypes: readonly DType[] = ["float16", "bfloat16"];

export const foldConstants: Pass = {
  name: "fold constants",
  apply(graph) {
    const rewriter = new Rewriter(graph);
    const literals = new Map<number, HostTensor>();
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((value) => literals.get(rewriter.resolve(value)));
      if (node.definition === (constantOp as unknown)) {
        literals.set(node.outputs[0]!, (node.params as { value: HostTensor }).value);
        rewriter.keep(node);
        continue;
      }
      const types = node.outputs.map((value) => graph.types[value]!);
      const known = inputs.every((input) => input !== undefined) && foldable(node, types);
      const results = known ? compute(node, inputs, types) : undefined;
      if (results === undefined) rewriter.keep(node);
      results?.forEach((value, i) => {
        const folded = rewriter.add(constantOp, [], { value }, node);
        literals.set(folded, value);
        rewriter.replace(node.outputs[i]!, folded);
      });
    }
    return rewriter.finish();
  },
};

function foldable(node: Node, outputs: readonly TensorType[]): boolean {
  const limit = node.definition === (expandOp as unknown) ? 64 : largestFold;
  return outputs.every(
    ({ dtype, shape }) =>
      !storageTypes.includes(dtype) &&
      shape.every((dim) => typeof dim === "number") &&
      elementCount(shape as readonly number[]) <= limit,
  );
}

/** Undefined when the node depends on a size that is known only at run time. */
function compute(node: Node, inputs: readonly HostTensor[], types: readonly TensorType[]): HostTensor[] | undefined {
  const outputs = types.map(({ dtype, shape }): KernelTensor => {
    const sizes = shape as readonly number[];
    return { dtype, shape: sizes, data: allocateNumbers(dtype, elementCount(sizes)) };
  });
  try {
    const operands = inputs.map((input) => toKernelTensor(input));
    node.definition.evaluate({ inputs: operands, outputs, params: node.params, bindings: {} });
  } catch (error) {
    if (CongError.is(error) && error.code === "UNBOUND_DIMENSION") return undefined;
    throw error;
  }
  return outputs.map(fromNumbers);
}
