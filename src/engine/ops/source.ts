/** Ops without tensor operands: literal constants, and run-time sizes as numbers. */

import { bindDim, type Dim, evaluateDim } from "../graph/dims.ts";
import type { DType, HostTensor } from "../graph/dtype.ts";
import { toKernelTensor } from "../graph/kernel-values.ts";
import { notDifferentiable, type OpDefinition } from "../graph/op.ts";

/** A literal. Small ones only: parameters are state or constants of the graph. */
export const constantOp: OpDefinition<{ readonly value: HostTensor }> = {
  name: "constant",
  infer: (_, { value }) => [{ dtype: value.dtype, shape: value.shape }],
  gradient: notDifferentiable("a literal has no inputs"),
  evaluate: ({ outputs: [out], params: { value } }) => {
    out!.data.set(toKernelTensor(value).data);
  },
};

/** The size of a dimension as a scalar. */
export const dimensionOp: OpDefinition<{ readonly dim: Dim; readonly dtype: DType }> = {
  name: "dimension",
  infer: (_, { dtype }) => [{ dtype, shape: [] }],
  gradient: notDifferentiable("a size has no inputs"),
  bind: ({ dim, dtype }, bindings) => ({ dim: bindDim(dim, bindings), dtype }),
  evaluate: ({ outputs: [out], params: { dim }, bindings }) => {
    out!.data[0] = evaluateDim(dim, bindings);
  },
};
