/** Ops that move, index, count or convert. */
import { type OnnxDataType, onnxDataTypes } from "../../../../formats/onnx/index.ts";
import type { Dim } from "../../../graph/dims.ts";
import type { DType, HostTensor } from "../../../graph/dtype.ts";
import type { Node } from "../../../graph/graph.ts";
import type { OpName, OpParams } from "../../../ops/table.ts";
import type { Lowerer, LoweringTable } from "../lowering.ts";

/** A node's params; the table guarantees that the op is the one named. */
export const paramsOf = <K extends OpName>(node: Node): OpParams<K> => node.params as OpParams<K>;

const vector = (lower: Lowerer, values: readonly number[]): string => lower.constant("int64", [values.length], values);
const castTo = (lower: Lowerer, input: string, dtype: DType): string =>
  lower.emit("Cast", [input], { attributes: { to: { int: onnxDataTypes[dtype satisfies OnnxDataType] } } });
const reshapeTo = (lower: Lowerer, input: string, shape: readonly Dim[]): string =>
  lower.emit("Reshape", [input, lower.shape(shape)]);

export const tensor = {
  constant: (lower, node) => [lower.literal((node.params as { value: HostTensor }).value)],
  dimension: (lower, node) => {
    const { dim, dtype } = paramsOf<"dimension">(node);
    const size = lower.emit("Squeeze", [lower.shape([dim])]);
    return [dtype === "int64" ? size : castTo(lower, size, dtype)];
  },
  cast: (lower, node, [x]) => [castTo(lower, x!, paramsOf<"cast">(node).to)],
  reshape: (lower, _node, [x]) => [reshapeTo(lower, x!, lower.outputType(0).shape)],
  // The shape operand of Reshape waits for the second tensor; no data move.
  barrier: (lower, _node, [x, after]) => {
    const nothing = lower.emit("Shape", [after!], { attributes: { start: { int: 0 }, end: { int: 0 } } });
    const shape = lower.emit("Concat", [lower.shape(lower.outputType(0).shape), nothing], {
      attributes: { axis: { int: 0 } },
    });
    return [lower.emit("Reshape", [x!, shape])];
  },
  transpose: (lower, node, [x]) => [
    lower.emit("Transpose", [x!], { attributes: { perm: { ints: paramsOf<"transpose">(node).order } } }),
  ],
  slice: (lower, node, [x]) => {
    const { axis, start, end } = paramsOf<"slice">(node);
    return [lower.emit("Slice", [x!, lower.shape([start]), lower.shape([end]), vector(lower, [axis])])];
  },
  flip: (lower, node, [x]) => {
    const ends = vector(lower, [-(2 ** 53)]);
    const axes = vector(lower, [paramsOf<"flip">(node).axis]);
    return [lower.emit("Slice", [x!, vector(lower, [-1]), ends, axes, vector(lower, [-1])])];
  },
  pad: (lower, node, [x]) => {
    const { axis, before, after, value } = paramsOf<"pad">(node);
    const { dtype } = lower.inputType(0);
    const pads = [lower.shape([before, after]), lower.constant(dtype, [], [value]), vector(lower, [axis])];
    return [lower.emit("Pad", [x!, ...pads])];
  },
  concat: (lower, node, inputs) => [
    lower.emit("Concat", inputs, { attributes: { axis: { int: paramsOf<"concat">(node).axis } } }),
  ],
  expand: (lower, _node, [x]) => [lower.emit("Expand", [x!, lower.shape(lower.outputType(0).shape)])],
  gather: (lower, node, [x, indices]) => [
    lower.emit("Gather", [x!, indices!], { attributes: { axis: { int: paramsOf<"gather">(node).axis } } }),
  ],
  // ScatterND would lose updates of repeated indices when several threads work; ScatterElements does not.
  scatterAdd: (lower, node, [x, indices, updates]) => {
    const { axis } = paramsOf<"scatterAdd">(node);
    const { shape } = lower.inputType(2);
    const column = reshapeTo(
      lower,
      indices!,
      shape.map((dim, i) => (i === axis ? dim : 1)),
    );
    const everywhere = lower.emit("Expand", [column, lower.shape(shape)]);
    return [scatterElements(lower, axis, x!, everywhere, updates!)];
  },
  takeAlongAxis: (lower, node, [x, indices]) => [
    lower.emit("GatherElements", [x!, indices!], {
      attributes: { axis: { int: paramsOf<"takeAlongAxis">(node).axis } },
    }),
  ],
  addAlongAxis: (lower, node, [x, indices, updates]) => [
    scatterElements(lower, paramsOf<"addAlongAxis">(node).axis, x!, indices!, updates!),
  ],
  topKIndices: (lower, node, [x]) => {
    const { k, axis } = paramsOf<"topKIndices">(node);
    const attributes = { axis: { int: axis } };
    return [lower.emitAll("TopK", [x!, vector(lower, [k])], { attributes, outputs: 2 })[1]!];
  },
  iota: (lower, node) => {
    const { size, dtype } = paramsOf<"iota">(node);
    const limit = lower.emit("Squeeze", [lower.shape([size])]);
    const count = lower.emit("Range", [lower.constant("int64", [], [0]), limit, lower.constant("int64", [], [1])]);
    return [dtype === "int64" ? count : castTo(lower, count, dtype)];
  },
  cumsum: (lower, node, [x]) => {
    const { axis, exclusive, reverse } = paramsOf<"cumsum">(node);
    const attributes = { exclusive: { int: Number(exclusive) }, reverse: { int: Number(reverse) } };
    return [lower.emit("CumSum", [x!, lower.constant("int64", [], [axis])], { attributes })];
  },
} as const satisfies LoweringTable;

function scatterElements(lower: Lowerer, axis: number, x: string, indices: string, updates: string): string {
  const attributes = { axis: { int: axis }, reduction: { string: "add" } };
  return lower.emit("ScatterElements", [x, indices, updates], { attributes });
}
