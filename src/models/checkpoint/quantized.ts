/**
 * The official int8 and int4 checkpoints of ChatGLM: weights as integer codes with one scale a row, symmetric, without
 * zero points (THUDM `quantization.py`). In int4 a byte holds two columns, the even one in its high half, both signed.
 */
import { type SafeTensor, type SafeTensorInfo, tensorToFloat32 } from "../../formats/index.ts";
import { CongError } from "../../support/errors.ts";
import type { JsonObject } from "../family.ts";
import type { Checkpoint, QuantizedRows } from "./checkpoint.ts";
import { runsOf } from "./pieces.ts";
import { inconsistent, type TensorFiles } from "./tensor-files.ts";

const scaleSuffix = "_scale";

/** Shows quantised weights as float32, and hides their scales. Which are quantised is told by their type. */
export function dequantized(checkpoint: Checkpoint, files: TensorFiles, config: JsonObject): Checkpoint {
  const { tensors } = files;
  const quantized = new Map<string, { readonly bits: 4 | 8; readonly shape: readonly [number, number] }>();
  for (const weight of tensors.values()) {
    const scale = tensors.get(weight.name + scaleSuffix);
    if (weight.dtype !== "I8" || scale === undefined) continue;
    const bits = bitsOf(checkpoint.folder, config);
    quantized.set(weight.name, { bits, shape: shapeOf(checkpoint.folder, weight, scale, bits) });
  }
  if (quantized.size === 0) return checkpoint;
  const isScale = (name: string) => name.endsWith(scaleSuffix) && quantized.has(name.slice(0, -scaleSuffix.length));
  const readQuantized = async (name: string): Promise<QuantizedRows | undefined> => {
    const found = quantized.get(name);
    if (found === undefined) return undefined;
    const stored = await files.read(name);
    const codes = found.bits === 8 ? (stored.data as Int8Array) : unpack(stored);
    return { ...found, codes, scales: tensorToFloat32(await files.read(name + scaleSuffix)) };
  };
  return {
    ...checkpoint,
    names: checkpoint.names.filter((name) => !isScale(name)),
    has: (name) => checkpoint.has(name) && !isScale(name),
    spec(name) {
      const found = quantized.get(name);
      return found === undefined ? checkpoint.spec(name) : { dtype: "float32", shape: found.shape };
    },
    async read(name) {
      const rows = await readQuantized(name);
      return rows === undefined ? checkpoint.read(name) : dequantizeRows(rows);
    },
    async *pieces(name, rows) {
      if (!quantized.has(name)) {
        yield* checkpoint.pieces!(name, rows);
        return;
      }
      const { bits, shape, codes, scales } = (await readQuantized(name))!;
      const width = shape[1];
      for (const { from, to } of runsOf(rows ?? { from: 0, to: shape[0] }, 4 * width)) {
        const part = codes.subarray(from * width, to * width);
        yield dequantizeRows({ bits, shape: [to - from, width], codes: part, scales: scales.subarray(from, to) });
      }
    },
    readQuantized,
  };
}

/** codes[r, c]·scales[r] in float32; exact for half-precision scales. */
export function dequantizeRows({ shape, codes, scales }: QuantizedRows) {
  const [rows, columns] = shape;
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const scale = scales[row]!;
    for (let at = row * columns; at < (row + 1) * columns; at++) data[at] = codes[at]! * scale;
  }
  return { dtype: "float32", shape, data } as const;
}

/** Two codes from each byte: first the high half, then the low one, sign-extended. */
function unpack({ data }: SafeTensor): Int8Array {
  const packed = data as Int8Array;
  const codes = new Int8Array(2 * packed.length);
  for (let i = 0; i < packed.length; i++) {
    codes[2 * i] = packed[i]! >> 4;
    codes[2 * i + 1] = (packed[i]! << 28) >> 28;
  }
  return codes;
}

function bitsOf(folder: string, config: JsonObject): 4 | 8 {
  const bits = config.quantization_bit;
  if (bits === 4 || bits === 8) return bits;
  throw new CongError(
    "BAD_CONFIG",
    `${folder}: the weights are quantised, but quantization_bit in config.json is ${JSON.stringify(bits) ?? "missing"}`,
    { folder, quantization_bit: bits },
    "wanted 4 or 8: take the config.json that belongs to these weights",
  );
}

function shapeOf(folder: string, weight: SafeTensorInfo, scale: SafeTensorInfo, bits: 4 | 8): [number, number] {
  const [rows, columns] = weight.shape;
  const isFloat = scale.dtype === "F16" || scale.dtype === "BF16" || scale.dtype === "F32";
  if (weight.shape.length === 2 && scale.shape.length === 1 && scale.shape[0] === rows && isFloat) {
    return [rows!, bits === 4 ? 2 * columns! : columns!];
  }
  const problem = `"${weight.name}" [${weight.shape.join(", ")}] has ${scale.dtype} scales [${scale.shape.join(", ")}]`;
  throw inconsistent(folder, [`${problem}, wanted one a row`]);
}
