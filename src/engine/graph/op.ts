/**
 * What an op is: its shape rule, its gradient and its reference kernel, side by side in one definition.
 *
 * Definitions live in `engine/ops`, one family a file, and are collected in `ops/table.ts`. Every field is required:
 * an op without a gradient rule says why it has none.
 */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "./builder.ts";
import type { Bindings } from "./dims.ts";
import { type DType, isNumber } from "./dtype.ts";
import type { TensorType } from "./graph.ts";
import { showShape } from "./shape.ts";

/** Marks tensor handles, so that numbers and handles can share a parameter. */
export const tensorKind = Symbol("tensor");

/** Numbers of a tensor inside the reference backend; int64 is held as float64 (exact to 2^53). */
export type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** A tensor inside the reference backend. */
export interface KernelTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Numbers;
}

export interface KernelCall<Params> {
  readonly inputs: readonly KernelTensor[];
  /** Allocated and zeroed; the kernel fills them. */
  readonly outputs: readonly KernelTensor[];
  readonly params: Params;
  readonly bindings: Bindings;
}

export interface GradientCall<Params> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** d loss / d output; undefined where the loss does not depend on that output. */
  readonly gradients: readonly (Tensor | undefined)[];
  readonly params: Params;
  /** False for inputs whose gradient nobody wants. */
  readonly needs: readonly boolean[];
}

/** Returns one gradient per input, undefined for none. Built from ops, so it can be differentiated again. */
export type GradientRule<Params> = (call: GradientCall<Params>) => readonly (Tensor | undefined)[];

/** An explicit refusal, with the reason. The gradient of every input is then zero. */
export interface NotDifferentiable {
  readonly notDifferentiable: string;
}

export interface OpDefinition<Params> {
  readonly name: string;
  /** Output types from input types. Throws a CongError that names the op and the shapes. */
  infer(inputs: readonly TensorType[], params: Params): readonly TensorType[];
  readonly gradient: GradientRule<Params> | NotDifferentiable;
  /** For params that hold sizes: replaces the named ones by what they are bound to. */
  bind?(params: Params, bindings: Bindings): Params;
  /** Each output element depends only on the elements of the inputs at the same (broadcast) place. */
  readonly elementwise?: true;
  /** The output is the first input but for some elements: it may take over that input's memory. */
  readonly overwrites?: true;
  /** The meaning of the op, slow and obvious. */
  evaluate(call: KernelCall<Params>): void;
}

export const notDifferentiable = (reason: string): NotDifferentiable => ({ notDifferentiable: reason });

export function requireDType(op: string, type: TensorType, allowed: readonly DType[], role = "input"): void {
  if (allowed.includes(type.dtype)) return;
  throw new CongError(
    "WRONG_DTYPE",
    `${op}: the ${role} is ${type.dtype}${showShape(type.shape)}, wanted ${allowed.join(" or ")}`,
    { op, dtype: type.dtype, allowed },
    `convert it with cast(x, "${allowed[0]}")`,
  );
}

/** Arithmetic needs one and the same number type on both sides. */
export function requireSameNumber(op: string, types: readonly TensorType[]): DType {
  const [first] = types;
  for (const type of types) {
    if (type.dtype !== first!.dtype || !isNumber(type.dtype)) {
      throw new CongError(
        "WRONG_DTYPE",
        `${op}: got ${types.map((t) => `${t.dtype}${showShape(t.shape)}`).join(" and ")}, wanted equal types that compute`,
        { op, dtypes: types.map((t) => t.dtype) },
        "convert with cast(); float16 and bfloat16 are storage types: cast them to float32 first",
      );
    }
  }
  return first!.dtype;
}
