/** Masks of dropout on machine code of our own (`x64/threefry.ts`); ONNX has no op for our random numbers, only for their 140 steps. */
import type { Graph, Node } from "../../graph/graph.ts";
import { type DropoutMaskParams, keepScale, keepThreshold } from "../../ops/random.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { dropoutChunks, emitDropoutMask } from "../x64/threefry.ts";
import type { CustomOp } from "./custom-ops.ts";
import type { Lowering } from "./lowering.ts";

/** Byte offsets inside the code are 32-bit numbers. */
const mostElements = 2 ** 28;

/** The sizes of a mask that machine code makes; undefined for others. */
function shapeOf({ op, params }: Node): readonly number[] | undefined {
  if (op !== "dropoutMask" || !supportsAvx512()) return undefined;
  const { shape } = params as DropoutMaskParams;
  if (!shape.every((size) => typeof size === "number")) return undefined;
  const count = shape.reduce((product, size) => product * size, 1);
  return count > 0 && count <= mostElements ? shape : undefined;
}

/** Masks of one shape and rate share an op, whatever their stream. */
const opName = (shape: readonly number[], rate: number): string => `DropoutMask_${shape.join("x")}_${rate}`;

export const dropoutMaskLowering =
  (domain: string, otherwise: Lowering): Lowering =>
  (lower, node, inputs) => {
    const shape = shapeOf(node);
    if (shape === undefined) return otherwise(lower, node, inputs);
    const { stream, rate } = node.params as DropoutMaskParams;
    return [lower.emit(opName(shape, rate), [inputs[0]!, lower.constant("int64", [1], [stream])], { domain })];
  };

/** Custom ops for all masks of graphs. */
export function dropoutMaskOps(graphs: readonly Graph[]): CustomOp[] {
  const ops = new Map<string, CustomOp>();
  for (const node of graphs.flatMap(({ nodes }) => nodes)) {
    const shape = shapeOf(node);
    if (shape === undefined) continue;
    const { rate } = node.params as DropoutMaskParams;
    const count = shape.reduce((product, size) => product * size, 1);
    const kernel = { count, threshold: keepThreshold(rate), scale: keepScale(rate) };
    ops.set(opName(shape, rate), {
      name: opName(shape, rate),
      inputs: 2,
      inputType: "int64",
      outputs: 1,
      shape,
      inPlace: [],
      emit: (assembler) => [{ entry: emitDropoutMask(assembler, kernel), chunks: dropoutChunks(count) }],
    });
  }
  return [...ops.values()];
}
