/**
 * Several elementwise ops as one node with several outputs: a straight-line program that a backend computes in a single
 * pass over memory. Only the pass `fuse-elementwise` makes it, after differentiation, for backends that ask for it; so it
 * is not in the op table, and its meaning is that of the ops it lists.
 */
import { CongError } from "../../support/errors.ts";
import type { TensorType } from "../graph/graph.ts";
import { allocateNumbers } from "../graph/interpret.ts";
import { type KernelCall, type KernelTensor, notDifferentiable, type OpDefinition } from "../graph/op.ts";
import { type Shape, sameShape, showShape } from "../graph/shape.ts";
import { binaryOps } from "./binary.ts";
import { unaryOps } from "./unary.ts";

const { neg, abs, sqrt, exp, reciprocal, tanh, sigmoid, relu, silu } = unaryOps;
const { add, sub, mul, div, maximum, minimum } = binaryOps;

/** The ops that can be part of a program. */
export const fusableOps = {
  neg,
  abs,
  sqrt,
  exp,
  reciprocal,
  tanh,
  sigmoid,
  relu,
  silu,
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
} as const;
export type FusableOp = keyof typeof fusableOps;

export const isFusable = (op: string): op is FusableOp => Object.hasOwn(fusableOps, op);

/**
 * One step of the program. Values are numbered: first the node's inputs, then one per instruction. `inputs` are such
 * numbers; an operand that is a plain number is `constant` instead.
 */
export type FusedInstruction =
  | { readonly op: FusableOp; readonly inputs: readonly number[] }
  | { readonly op: "constant"; readonly value: number };

export interface FusedParams {
  /** Every result has this shape. */
  readonly shape: readonly number[];
  readonly instructions: readonly FusedInstruction[];
  /** Values that are the node's outputs. */
  readonly results: readonly number[];
}

/** How an input lies in the full shape, seen as a matrix of rows × columns. */
export type FusedLayout = "full" | "scalar" | "row" | "column";

export interface FusedLayouts {
  readonly rows: number;
  readonly columns: number;
  /** "row": one element per row; "column": one per column. */
  readonly inputs: readonly FusedLayout[];
}

/**
 * Sees shapes that broadcast to `shape` as rows, columns, scalars or the full matrix; undefined if that cannot be done
 * with one and the same matrix. Without rows and columns the matrix is a single row.
 */
export function fusedLayouts(shape: readonly number[], inputs: readonly Shape[]): FusedLayouts | undefined {
  const total = shape.reduce((product, size) => product * size, 1);
  const splits = inputs.map((input) => possibleSplits(shape, input));
  if (splits.some((split) => split === undefined)) return undefined;
  const broadcast = splits.filter((split) => split!.kind === "broadcast");
  if (broadcast.length === 0) {
    return { rows: 1, columns: total, inputs: splits.map((split) => (split!.kind === "scalar" ? "scalar" : "full")) };
  }
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const layouts = splits.map((split): FusedLayout | undefined => {
      if (split!.kind !== "broadcast") return split!.kind;
      return split!.rowAxes.includes(axis) ? "row" : split!.columnAxes.includes(axis) ? "column" : undefined;
    });
    if (layouts.includes(undefined)) continue;
    const rows = shape.slice(0, axis).reduce((product, size) => product * size, 1);
    return { rows, columns: total / rows, inputs: layouts as FusedLayout[] };
  }
  return undefined;
}

interface Splits {
  readonly kind: "full" | "scalar" | "broadcast";
  /** Axes at which the shape can be cut so that the input is one element per row, or one per column. */
  readonly rowAxes: readonly number[];
  readonly columnAxes: readonly number[];
}

function possibleSplits(shape: readonly number[], input: Shape): Splits | undefined {
  if (input.length > shape.length || input.some((size) => typeof size !== "number")) return undefined;
  const padded = [...new Array<number>(shape.length - input.length).fill(1), ...(input as readonly number[])];
  if (padded.every((size, axis) => size === shape[axis])) return { kind: "full", rowAxes: [], columnAxes: [] };
  if (padded.every((size) => size === 1)) return { kind: "scalar", rowAxes: [], columnAxes: [] };
  const axes = shape.map((_, axis) => axis).slice(1);
  const same = (axis: number) => padded[axis] === shape[axis];
  const one = (axis: number) => padded[axis] === 1;
  const every = (from: number, to: number, test: (axis: number) => boolean) =>
    Array.from({ length: to - from }, (_, i) => from + i).every(test);
  return {
    kind: "broadcast",
    rowAxes: axes.filter((axis) => every(0, axis, same) && every(axis, shape.length, one)),
    columnAxes: axes.filter((axis) => every(0, axis, one) && every(axis, shape.length, same)),
  };
}

export const fusedOp: OpDefinition<FusedParams> = {
  name: "fused",
  elementwise: true,
  infer: (inputs, { shape, instructions, results }) => {
    const types: TensorType[] = [...inputs];
    for (const type of inputs) {
      if (type.dtype !== "float32") throw broken(`an input is ${type.dtype}`);
    }
    for (const instruction of instructions) {
      if (instruction.op === "constant") types.push({ dtype: "float32", shape: [] });
      else
        types.push(
          fusableOps[instruction.op].infer(
            instruction.inputs.map((value) => types[value]!),
            {},
          )[0]!,
        );
    }
    return results.map((value) => {
      const type = types[value];
      if (type === undefined || !sameShape(type.shape, shape)) {
        throw broken(`result ${value} is ${type ? showShape(type.shape) : "missing"}, wanted ${showShape(shape)}`);
      }
      return type;
    });
  },
  gradient: notDifferentiable("it is made after differentiation"),
  evaluate,
};

const broken = (what: string): CongError => new CongError("BROKEN_GRAPH", `fused: ${what}`, {});

/** Runs the kernels of the ops one after another. */
function evaluate({ inputs, outputs, params, bindings }: KernelCall<FusedParams>): void {
  const precision = outputs[0]!.data instanceof Float64Array ? "float64" : "float32";
  const values: KernelTensor[] = [...inputs];
  const fresh = (shape: readonly number[]): KernelTensor => ({
    dtype: "float32",
    shape,
    data: allocateNumbers(
      "float32",
      shape.reduce((product, size) => product * size, 1),
      precision,
    ),
  });
  for (const instruction of params.instructions) {
    if (instruction.op === "constant") {
      const scalar = fresh([]);
      scalar.data[0] = instruction.value;
      values.push(scalar);
      continue;
    }
    const definition = fusableOps[instruction.op];
    const operands = instruction.inputs.map((value) => values[value]!);
    const [type] = definition.infer(operands, {});
    const result = fresh(type!.shape as readonly number[]);
    definition.evaluate({ inputs: operands, outputs: [result], params: {}, bindings });
    values.push(result);
  }
  for (const [i, value] of params.results.entries()) outputs[i]!.data.set(values[value]!.data);
}
