/** Quantised weights: onnxruntime's block-wise product, and plain arithmetic where the weights themselves are asked for. */
import type { Lowerer, LoweringTable } from "../lowering.ts";
import { paramsOf } from "./tensor.ts";

/** `accuracy_level` of MatMulNBits: 1 keeps float32, 4 rounds the left operand to int8. */
const accuracyLevels = { float32: 1, int8: 4 } as const;

export const quantized = {
  quantizedMatmul: (lower, node, inputs) => {
    const { bits, activations } = paramsOf<"quantizedMatmul">(node);
    const [rows, blocks, bytes] = lower.inputType(1).shape as [number, number, number];
    const block = (bytes * 8) / bits;
    const attributes = {
      K: { int: blocks * block },
      N: { int: rows },
      bits: { int: bits },
      block_size: { int: block },
      accuracy_level: { int: accuracyLevels[activations] },
    };
    return [lower.emit("MatMulNBits", inputs, { domain: "com.microsoft", attributes })];
  },
  dequantize: (lower, node, [codes, scales]) => {
    const { bits } = paramsOf<"dequantize">(node);
    const [rows, blocks, bytes] = lower.inputType(0).shape as [number, number, number];
    const whole = bits === 8 ? codes! : halves(lower, codes!, [rows, blocks, bytes, 1]);
    const shaped = lower.emit("Reshape", [whole, lower.shape([rows, blocks, -1])]);
    const numbers = lower.emit("Cast", [shaped], { attributes: { to: { int: 1 } } });
    const centred = lower.emit("Sub", [numbers, lower.constant("float32", [], [2 ** (bits - 1)])]);
    const factors = lower.emit("Reshape", [scales!, lower.shape([rows, blocks, 1])]);
    return [lower.emit("Reshape", [lower.emit("Mul", [centred, factors]), lower.shape(lower.outputType(0).shape)])];
  },
} as const satisfies LoweringTable;

/** The low and the high half of each byte, beside each other on a new last axis. */
function halves(lower: Lowerer, codes: string, shape: readonly number[]): string {
  const column = lower.emit("Reshape", [codes, lower.shape(shape)]);
  const low = lower.emit("BitwiseAnd", [column, lower.constant("uint8", [], [15])]);
  const high = lower.emit("BitShift", [column, lower.constant("uint8", [], [4])], {
    attributes: { direction: { string: "RIGHT" } },
  });
  return lower.emit("Concat", [low, high], { attributes: { axis: { int: -1 } } });
}
