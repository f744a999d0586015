export { buildGradients, gradients } from "./autodiff/gradients.ts";
export { recompute } from "./autodiff/recompute.ts";
export type { Backend, CompileOptions, Executable } from "./backends/contract.ts";
export { HeldTensor, type WeightHolder, type WeightSize } from "./backends/held-weights.ts";
export { GraphBuilder, specOf, type Tensor, type TensorSpec, trace } from "./graph/builder.ts";
export { addDims, type Bindings, type Dim, divideDims, multiplyDims, subtractDims } from "./graph/dims.ts";
export {
  bytesPerElement,
  type DType,
  elementCount,
  type HostTensor,
  hostTensor,
  isFloat,
  toNumbers,
} from "./graph/dtype.ts";
export type { Graph, Node, TensorType } from "./graph/graph.ts";
export { printGraph } from "./graph/print.ts";
export type { Shape } from "./graph/shape.ts";
export { flattenTree, type MapTree, mapTree, type Tree } from "./graph/tree.ts";
export { verify } from "./graph/verify.ts";
export * from "./ops/index.ts";
