/**
 * Products with weights of 4 or 8 bits: blocks of consecutive inputs share one float32 scale, and the codes are unsigned
 * with a fixed zero point in the middle (8 or 128). It is the layout of onnxruntime's `MatMulNBits`; ggml's q4_0 and
 * q8_0 hold the same numbers in another order.
 *
 * N rows (outputs), K columns (inputs) = blocks · block. A byte of two 4-bit codes has the earlier column in its low half.
 */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import type { TensorType } from "../graph/graph.ts";
import { type KernelTensor, notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { showShape } from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { matmul } from "./matmul.ts";

export type WeightBits = 4 | 8;

/** How the left operand enters the product. */
export type QuantizedActivations = "float32" | "int8";

export interface DequantizeParams {
  readonly bits: WeightBits;
}

export interface QuantizedMatmulParams extends DequantizeParams {
  readonly activations: QuantizedActivations;
}

export interface QuantizedMatmulOptions {
  /** Bits of a weight. */
  readonly bits: WeightBits;
  /**
   * "int8" rounds the left operand, block by block, to whole multiples of (largest magnitude)/127 first, as ggml does:
   * a backend can then multiply integers. Relative error about 0.4 %; a backend that has no integer product may leave
   * the rounding out. Default "float32": nothing is rounded.
   */
  readonly activations?: QuantizedActivations;
}

const largestCode = 127;

export const dequantizeOp: OpDefinition<DequantizeParams> = {
  name: "dequantize",
  infer: ([codes, scales], { bits }) => {
    const { rows, columns } = weightSizes("dequantize", codes!, scales!, bits);
    return [{ dtype: "float32", shape: [rows, columns] }];
  },
  gradient: notDifferentiable("quantised weights are frozen"),
  evaluate: ({ inputs: [codes, scales], outputs: [w], params: { bits } }) => {
    w!.data.set(decode(codes!, scales!, bits));
  },
};

export const quantizedMatmulOp: OpDefinition<QuantizedMatmulParams> = {
  name: "quantizedMatmul",
  infer: ([x, codes, scales], { bits }) => {
    requireDType("quantizedMatmul", x!, ["float32"], "left operand");
    const { rows, columns } = weightSizes("quantizedMatmul", codes!, scales!, bits);
    if (x!.shape.length < 1 || x!.shape.at(-1) !== columns) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `quantizedMatmul: x ${showShape(x!.shape)} does not fit weights of ${columns} columns`,
        { x: x!.shape, codes: codes!.shape },
        "the last axis of x must be blocks · block of the codes",
      );
    }
    return [{ dtype: "float32", shape: [...x!.shape.slice(0, -1), rows] }];
  },
  // Rounding to int8 counts as the identity (straight through).
  gradient: ({ inputs: [, codes, scales], gradients: [g], params: { bits } }) => [
    matmul(g!, dequantize(codes!, scales!, bits)),
    undefined,
    undefined,
  ],
  evaluate: ({ inputs: [x, codes, scales], outputs: [y], params: { bits, activations } }) => {
    const weights = decode(codes!, scales!, bits);
    const [N, K] = [codes!.shape[0]!, x!.shape.at(-1)!];
    const block = K / codes!.shape[1]!;
    const left = activations === "int8" ? roundBlocks(x!.data, block) : x!.data;
    for (let m = 0; m * K < left.length; m++) {
      for (let n = 0; n < N; n++) {
        let total = 0;
        for (let k = 0; k < K; k++) total += left[m * K + k]! * weights[n * K + k]!;
        y!.data[m * N + n] = total;
      }
    }
  },
};

/** Sizes of the weight behind codes and scales. @throws CongError for types or shapes that do not fit together */
function weightSizes(
  op: string,
  codes: TensorType,
  scales: TensorType,
  bits: WeightBits,
): { readonly rows: number; readonly columns: number } {
  requireDType(op, codes, ["uint8"], "codes");
  requireDType(op, scales, ["float32"], "scales");
  const [rows, blocks, bytes] = codes.shape;
  const sizes = [...codes.shape, ...scales.shape];
  const fits =
    (bits === 4 || bits === 8) &&
    codes.shape.length === 3 &&
    sizes.every((size) => typeof size === "number") &&
    scales.shape.join() === [rows, blocks].join();
  if (!fits) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `${op}: codes ${showShape(codes.shape)} and scales ${showShape(scales.shape)} are no weights of ${bits} bits`,
      { codes: codes.shape, scales: scales.shape, bits },
      "wanted codes uint8 [rows, blocks, block · bits / 8] and scales float32 [rows, blocks], with 4 or 8 bits",
    );
  }
  return { rows: Number(rows), columns: (Number(blocks) * Number(bytes) * 8) / bits };
}

/** The weights as numbers, row after row. */
function decode(codes: KernelTensor, scales: KernelTensor, bits: WeightBits): Float64Array {
  const perByte = 8 / bits;
  const block = codes.shape[2]! * perByte;
  const zero = 2 ** (bits - 1);
  return Float64Array.from({ length: codes.data.length * perByte }, (_, i) => {
    const byte = codes.data[Math.floor(i / perByte)]!;
    const code = bits === 8 ? byte : i % 2 === 0 ? byte & 15 : byte >> 4;
    return (code - zero) * scales.data[Math.floor(i / block)]!;
  });
}

/** Each block of x rounded to whole multiples of its largest magnitude / 127; ties go to the even one. */
function roundBlocks(x: ArrayLike<number>, block: number): Float64Array {
  const rounded = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += block) {
    let largest = 0;
    for (let i = start; i < start + block; i++) largest = Math.max(largest, Math.abs(x[i]!));
    if (largest === 0) continue;
    for (let i = start; i < start + block; i++) {
      rounded[i] = (roundToEven((x[i]! * largestCode) / largest) * largest) / largestCode;
    }
  }
  return rounded;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** The weights [N, K] that codes [N, blocks, block · bits / 8] and scales [N, blocks] stand for. */
export const dequantize = (codes: Tensor, scales: Tensor, bits: WeightBits): Tensor =>
  emit(dequantizeOp, [codes, scales], { bits });

/**
 * x · Wᵀ with quantised weights. x [..., K] → [..., N]. The gradient goes to x alone: the weights are frozen.
 * @param codes uint8 [N, blocks, block · bits / 8], zero points 8 and 128
 * @param scales float32 [N, blocks]
 */
export const quantizedMatmul = (x: Tensor, codes: Tensor, scales: Tensor, options: QuantizedMatmulOptions): Tensor =>
  emit(quantizedMatmulOp, [x, codes, scales], { bits: options.bits, activations: options.activations ?? "float32" });
