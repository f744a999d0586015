/** Comparisons and logic: elementwise with broadcasting, results are bool. */
import type { Tensor } from "../graph/builder.ts";
import { notDifferentiable, type OpDefinition, requireDType, requireSameNumber } from "../graph/op.ts";
import { broadcastShapes } from "../graph/shape.ts";
import { emit, type Operand, operands } from "./emit.ts";
import { broadcastStrides, forEachOffset } from "./indexing.ts";
import { not } from "./unary.ts";

type NoParams = Readonly<Record<string, never>>;

function comparison(name: string, of: (a: number, b: number) => boolean, logical = false): OpDefinition<NoParams> {
  return {
    name,
    elementwise: true,
    infer: (types) => {
      if (logical) for (const type of types) requireDType(name, type, ["bool"]);
      else requireSameNumber(name, types);
      return [
        {
          dtype: "bool",
          shape: broadcastShapes(
            name,
            types.map((type) => type.shape),
          ),
        },
      ];
    },
    gradient: notDifferentiable("the result is a truth value"),
    evaluate: ({ inputs: [a, b], outputs: [y] }) => {
      const strides = [broadcastStrides(a!.shape, y!.shape), broadcastStrides(b!.shape, y!.shape)];
      forEachOffset(y!.shape, strides, ([i, j], position) => {
        y!.data[position] = of(a!.data[i!]!, b!.data[j!]!) ? 1 : 0;
      });
    },
  };
}

export const compareOps = {
  equal: comparison("equal", (a, b) => a === b),
  less: comparison("less", (a, b) => a < b),
  lessOrEqual: comparison("lessOrEqual", (a, b) => a <= b),
  and: comparison("and", (a, b) => a !== 0 && b !== 0, true),
  or: comparison("or", (a, b) => a !== 0 || b !== 0, true),
};

const apply = (op: OpDefinition<NoParams>, a: Operand, b: Operand): Tensor => emit(op, operands(op.name, a, b), {});

/** a = b */
export const equal = (a: Operand, b: Operand): Tensor => apply(compareOps.equal, a, b);
/** a ≠ b */
export const notEqual = (a: Operand, b: Operand): Tensor => not(equal(a, b));
/** a < b */
export const less = (a: Operand, b: Operand): Tensor => apply(compareOps.less, a, b);
/** a ≤ b */
export const lessOrEqual = (a: Operand, b: Operand): Tensor => apply(compareOps.lessOrEqual, a, b);
/** a > b */
export const greater = (a: Operand, b: Operand): Tensor => less(b, a);
/** a ≥ b */
export const greaterOrEqual = (a: Operand, b: Operand): Tensor => lessOrEqual(b, a);
/** Both */
export const and = (a: Tensor, b: Tensor): Tensor => apply(compareOps.and, a, b);
/** At least one */
export const or = (a: Tensor, b: Tensor): Tensor => apply(compareOps.or, a, b);
