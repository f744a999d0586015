/**
 * Congling's own quantised folders, as `congling quantize` writes them. A weight `X.weight` [rows, columns] is stored as
 *
 * - `X.codes`, uint8 [rows, columns/32, 16 for 4 bits or 32 for 8]: two codes a byte, the even column in the low half
 *   (zero point 8), or one a byte (zero point 128);
 * - `X.scales`, float16 [rows, columns/32]: weight = (code − zero point)·scale.
 *
 * The numbers are those of ggml's q4_0 and q8_0. `config.json` says
 * `"quantization_config": {"quant_method": "congling", "bits": 4, "block_size": 32}`; all other tensors are stored as ever.
 * Quantising what is read here gives the same codes again, so nothing is lost by reading floats.
 */
import type { HostTensor } from "../../engine/index.ts";
import { type SafeTensor, tensorToFloat32 } from "../../formats/index.ts";
import { CongError } from "../../support/errors.ts";
import type { Json, JsonObject } from "../family.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { runsOf } from "./pieces.ts";
import { inconsistent, type TensorFiles } from "./tensor-files.ts";

const block = 32;
export const quantMethod = "congling";

/** The entry of `config.json` for a folder whose weights are held in `bits`. */
export const blockQuantization = (bits: 4 | 8): JsonObject => ({
  quant_method: quantMethod,
  bits,
  block_size: block,
});

/** Bits that a folder of this layout was quantised to; undefined for every other folder. @throws CongError `BAD_CONFIG` */
export function blockQuantizationBits({ quantization_config: found }: JsonObject): 4 | 8 | undefined {
  if (!isObject(found) || found.quant_method !== quantMethod) return undefined;
  const { bits, block_size: size } = found;
  if ((bits === 4 || bits === 8) && size === block) return bits;
  throw new CongError(
    "BAD_CONFIG",
    `config.json: quantization_config has ${JSON.stringify(bits)} bits in blocks of ${JSON.stringify(size)}`,
    { quantization_config: found },
    "wanted 4 or 8 bits in blocks of 32: take the config.json that belongs to these weights",
  );
}

interface Codes {
  readonly bits: 4 | 8;
  readonly shape: readonly [rows: number, columns: number];
}

/** Shows quantised weights as float32 under their own names, and hides codes and scales. */
export function blockDequantized(checkpoint: Checkpoint, files: TensorFiles): Checkpoint {
  if (blockQuantizationBits(checkpoint.config) === undefined) return checkpoint;
  const { quantization_config: _, ...config } = checkpoint.config;
  const weights = new Map<string, Codes>();
  const hidden = new Set<string>();
  for (const name of checkpoint.names.filter((each) => each.endsWith(".codes"))) {
    const stem = name.slice(0, -".codes".length);
    weights.set(`${stem}.weight`, shapeOf(checkpoint, files, stem));
    hidden.add(name).add(`${stem}.scales`);
  }
  const stemOf = (name: string): string => name.slice(0, -".weight".length);
  async function* pieces(name: string, rows?: { readonly from: number; readonly to: number }) {
    const { bits, shape } = weights.get(name)!;
    const codes = (await files.read(`${stemOf(name)}.codes`)).data as Uint8Array;
    const scales = finite(name, await files.read(`${stemOf(name)}.scales`));
    for (const { from, to } of runsOf(rows ?? { from: 0, to: shape[0] }, 4 * shape[1])) {
      yield decode(bits, from, to, shape[1], codes, scales);
    }
  }
  return {
    ...checkpoint,
    config,
    names: [...checkpoint.names.filter((name) => !hidden.has(name)), ...weights.keys()],
    has: (name) => weights.has(name) || (checkpoint.has(name) && !hidden.has(name)),
    spec(name) {
      const found = weights.get(name);
      return found === undefined ? checkpoint.spec(name) : { dtype: "float32", shape: found.shape };
    },
    async read(name) {
      const found = weights.get(name);
      if (found === undefined) return checkpoint.read(name);
      const codes = (await files.read(`${stemOf(name)}.codes`)).data as Uint8Array;
      const scales = finite(name, await files.read(`${stemOf(name)}.scales`));
      return decode(found.bits, 0, found.shape[0], found.shape[1], codes, scales);
    },
    async *pieces(name, rows) {
      yield* weights.has(name) ? pieces(name, rows) : checkpoint.pieces!(name, rows);
    },
  };
}

/** Rows `from` up to `to` of a weight. */
function decode(
  bits: 4 | 8,
  from: number,
  to: number,
  columns: number,
  codes: Uint8Array,
  scales: Float32Array,
): HostTensor {
  const data = new Float32Array((to - from) * columns);
  const start = from * columns;
  for (let i = 0; i < data.length; i++) {
    const at = start + i;
    const scale = scales[Math.floor(at / block)]!;
    if (bits === 8) data[i] = (codes[at]! - 128) * scale;
    else data[i] = (((at & 1) === 0 ? codes[at >>> 1]! & 15 : codes[at >>> 1]! >>> 4) - 8) * scale;
  }
  return { dtype: "float32", shape: [to - from, columns], data };
}

/** Checks that codes and scales belong together; nothing is read yet. */
function shapeOf({ folder }: Checkpoint, { tensors }: TensorFiles, stem: string): Codes {
  const codes = tensors.get(`${stem}.codes`)!;
  const scales = tensors.get(`${stem}.scales`);
  const [rows = 0, blocks = 0, bytes = 0] = codes.shape;
  const fits =
    codes.dtype === "U8" &&
    codes.shape.length === 3 &&
    (bytes === 16 || bytes === 32) &&
    (scales?.dtype === "F16" || scales?.dtype === "F32") &&
    scales.shape.length === 2 &&
    scales.shape[0] === rows &&
    scales.shape[1] === blocks;
  if (fits) return { bits: bytes === 16 ? 4 : 8, shape: [rows, blocks * block] };
  const other = scales === undefined ? "no scales" : `scales ${scales.dtype}[${scales.shape}]`;
  throw inconsistent(folder, [`"${stem}" has codes ${codes.dtype}[${codes.shape}] and ${other}`]);
}

function finite(name: string, tensor: SafeTensor): Float32Array {
  const scales = tensorToFloat32(tensor);
  if (scales.every(Number.isFinite)) return scales;
  throw new CongError(
    "NOT_FINITE",
    `the scales of "${name}" are not all numbers`,
    { name },
    "the file is damaged: quantise the model again",
  );
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
