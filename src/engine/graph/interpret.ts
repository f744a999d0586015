/**
 * Runs a graph node by node with the ops' own reference kernels: slow, obvious, always there.
 *
 * Used by the reference backend, by constant folding and by the body of a scan.
 */
import { CongError } from "../../support/errors.ts";
import { type Bindings, evaluateShape } from "./dims.ts";
import { type DType, elementCount } from "./dtype.ts";
import type { Graph, TensorType, ValueId } from "./graph.ts";
import type { KernelTensor, Numbers } from "./op.ts";

/** How float values are held: float32 as every backend does, or float64 to judge gradients by finite differences. */
export type Precision = "float32" | "float64";

/** Zeroed numbers for a value; int64 is held as float64. */
export function allocateNumbers(dtype: DType, length: number, precision: Precision = "float32"): Numbers {
  switch (dtype) {
    case "float32":
    case "float16":
    case "bfloat16":
      return precision === "float64" ? new Float64Array(length) : new Float32Array(length);
    case "int64":
      return new Float64Array(length);
    case "int32":
      return new Int32Array(length);
    case "uint32":
      return new Uint32Array(length);
    case "uint8":
    case "bool":
      return new Uint8Array(length);
    default:
      dtype satisfies never;
      throw new CongError("WRONG_DTYPE", `no storage for dtype ${String(dtype)}`);
  }
}

/**
 * Computes the outputs of a graph from its inputs, in order; then state updates, when `state` is given.
 * @param state values of state and constants by name.
 */
export function interpret(
  graph: Graph,
  inputs: readonly KernelTensor[],
  bindings: Bindings,
  state: ReadonlyMap<string, KernelTensor> = new Map(),
  precision: Precision = inputs.some((input) => input.dtype === "float32" && input.data instanceof Float64Array)
    ? "float64"
    : "float32",
): KernelTensor[] {
  const values = interpretAll(graph, inputs, bindings, state, precision);
  return graph.outputs.map((output) => values.get(output.value)!);
}

/** As `interpret`, but returns every value still needed by outputs and state updates. */
export function interpretAll(
  graph: Graph,
  inputs: readonly KernelTensor[],
  bindings: Bindings,
  state: ReadonlyMap<string, KernelTensor>,
  precision: Precision,
): Map<ValueId, KernelTensor> {
  const values = new Map<ValueId, KernelTensor>();
  for (const [i, input] of graph.inputs.entries()) values.set(input.value, inputs[i]!);
  for (const { name, value } of [...graph.state, ...graph.constants]) values.set(value, state.get(name)!);
  const allocate = (type: TensorType): KernelTensor => {
    const shape = evaluateShape(type.shape, bindings);
    return { dtype: type.dtype, shape, data: allocateNumbers(type.dtype, elementCount(shape), precision) };
  };
  for (const node of graph.nodes) {
    const outputs = node.outputs.map((value) => allocate(graph.types[value]!));
    const operands = node.inputs.map((value) => values.get(value)!);
    try {
      node.definition.evaluate({ inputs: operands, outputs, params: node.params, bindings });
    } catch (error) {
      if (CongError.is(error) && node.scope !== "" && error.details["scope"] === undefined) {
        const [what = ""] = error.message.split("\n  hint: ");
        throw new CongError(
          error.code,
          `${what} (in ${node.scope})`,
          { ...error.details, scope: node.scope },
          error.hint,
        );
      }
      throw error;
    }
    for (const [i, value] of node.outputs.entries()) values.set(value, outputs[i]!);
  }
  return values;
}
