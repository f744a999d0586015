/** Counting and running sums. */
import { CongError } from "../../support/errors.ts";
import type { GraphBuilder, Tensor } from "../graph/builder.ts";
import { bindDim, type Dim } from "../graph/dims.ts";
import type { DType } from "../graph/dtype.ts";
import { notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { normalizeAxis } from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { aroundAxis } from "./indexing.ts";

export const iotaOp: OpDefinition<{ readonly size: Dim; readonly dtype: DType }> = {
  name: "iota",
  infer: (_, { size, dtype }) => {
    if (dtype === "float32" || dtype === "int32" || dtype === "int64") return [{ dtype, shape: [size] }];
    throw new CongError("WRONG_DTYPE", `iota: cannot count in ${dtype}`, { dtype }, "use int32, int64 or float32");
  },
  gradient: notDifferentiable("has no inputs"),
  bind: ({ size, dtype }, bindings) => ({ size: bindDim(size, bindings), dtype }),
  evaluate: ({ outputs: [y] }) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = i;
  },
};

/** 0, 1, 2, … as a tensor of one axis. */
export const iota = (builder: GraphBuilder, size: Dim, dtype: DType = "int64"): Tensor =>
  builder.emit(iotaOp, [], { size, dtype })[0]!;

export interface CumsumOptions {
  /** Leave the element itself out of its sum. Default false. */
  readonly exclusive?: boolean;
  /** Sum from the end. Default false. */
  readonly reverse?: boolean;
}

export const cumsumOp: OpDefinition<{ readonly axis: number } & Required<CumsumOptions>> = {
  name: "cumsum",
  infer: ([x]) => {
    requireDType("cumsum", x!, ["float32", "int32", "int64"]);
    return [x!];
  },
  gradient: ({ gradients: [g], params }) => [emit(cumsumOp, [g!], { ...params, reverse: !params.reverse })],
  evaluate: ({ inputs: [x], outputs: [y], params: { axis, exclusive, reverse } }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let total = 0;
        for (let step = 0; step < size; step++) {
          const at = (o * size + (reverse ? size - 1 - step : step)) * inner + i;
          if (exclusive) y!.data[at] = total;
          total += x!.data[at]!;
          if (!exclusive) y!.data[at] = total;
        }
      }
    }
  },
};

/** Running sum along an axis. */
export const cumsum = (x: Tensor, axis: number, options: CumsumOptions = {}): Tensor =>
  emit(cumsumOp, [x], {
    axis: normalizeAxis("cumsum", axis, x.shape.length),
    exclusive: options.exclusive ?? false,
    reverse: options.reverse ?? false,
  });
