/**
 * Writes a model folder with the weights of its linear layers in 4 or 8 bits: a file as small in the folder as the model is in
 * memory. `loadModel` reads it back to the very same codes; the layout is described in models/checkpoint/block-quantized.ts.
 */
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HostTensor } from "../engine/index.ts";
import { byteLengthOf, type SafeArray, type TensorSource, writeShardedSafetensors } from "../formats/index.ts";
import { bitsOf, type WeightType } from "../inference/index.ts";
import {
  blockQuantization,
  blockQuantizationBits,
  type Checkpoint,
  convertFloat,
  copyTokenizerFiles,
  openCheckpoint,
  readJsonObject,
  storedDtype,
} from "../models/index.ts";
import { quantizeLinear } from "../nn/index.ts";
import { CongError, checkOneOf, float32ToFloat16, replaceFolderAtomic, writeFileAtomic } from "../support/index.ts";

export interface QuantizedFolder {
  readonly folder: string;
  /** Weights stored as codes. */
  readonly weights: number;
  /** Bytes of those weights before (as the source stores them, and as float32) and after. */
  readonly linearBytes: { readonly stored: number; readonly float32: number; readonly quantized: number };
  /** Bytes of all tensors before and after. */
  readonly totalBytes: { readonly stored: number; readonly quantized: number };
}

/**
 * Quantises the folder `from` into the new folder `to`: everything or nothing. One tensor is in memory at a time.
 * @throws CongError `FOLDER_IN_USE`, `QUANTIZED` for a folder that is quantised already, `NOTHING_TO_QUANTIZE`
 */
export async function quantizeFolder(from: string, to: string, bits: 4 | 8): Promise<QuantizedFolder> {
  checkOneOf("quantizeFolder", { bits }, [4, 8]);
  if ((await stat(to).catch(() => undefined)) !== undefined) {
    throw new CongError("FOLDER_IN_USE", `${to} is there already`, { to }, "give a new folder, or delete this one");
  }
  const checkpoint = await openCheckpoint(from);
  try {
    if (blockQuantizationBits(await readJsonObject(join(from, "config.json"))) !== undefined) {
      throw new CongError(
        "QUANTIZED",
        `${from} is quantised already`,
        { from },
        "quantise the original: rounding twice loses more than once",
      );
    }
    const { tensors, ...sizes } = planOf(checkpoint, bits);
    if (sizes.weights === 0) {
      throw new CongError(
        "NOTHING_TO_QUANTIZE",
        `no weight in ${from} has rows of whole blocks of 32`,
        { from },
        "models narrower than 32 channels stay in floating point",
      );
    }
    await replaceFolderAtomic(to, async (folder) => {
      await writeShardedSafetensors(folder, tensors, { metadata: { format: "congling" } });
      const config = { ...checkpoint.config, quantization_config: blockQuantization(bits) };
      await writeFileAtomic(join(folder, "config.json"), [Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]);
      const generation = join(from, "generation_config.json");
      if (await stat(generation).catch(() => undefined))
        await copyFile(generation, join(folder, "generation_config.json"));
      await copyTokenizerFiles(from, folder);
    });
    return { folder: to, ...sizes };
  } finally {
    await checkpoint.close();
  }
}

function planOf(checkpoint: Checkpoint, bits: 4 | 8) {
  const type: WeightType = bits === 4 ? "int4" : "int8";
  const tensors: TensorSource[] = [];
  const linearBytes = { stored: 0, float32: 0, quantized: 0 };
  const totalBytes = { stored: 0, quantized: 0 };
  let weights = 0;
  for (const name of checkpoint.names) {
    const { dtype, shape } = checkpoint.spec(name);
    const count = shape.reduce((product, size) => product * size, 1);
    const stored = byteLengthOf(storedDtype(dtype), shape) ?? 0;
    totalBytes.stored += stored;
    const own = bitsOf(name, shape, type);
    if (own === undefined) {
      tensors.push({
        name,
        dtype: storedDtype(dtype),
        shape,
        data: async () => (await checkpoint.read(name)).data as SafeArray,
      });
      totalBytes.quantized += stored;
      continue;
    }
    const [rows, columns] = shape as readonly [number, number];
    const stem = name.slice(0, -".weight".length);
    const blocks = columns / 32;
    // Codes and scales lie in different parts of the file, so each is made when its turn comes.
    const quantized = async () => quantizeLinear({ weight: await floats(checkpoint, name) }, own);
    const codes = async () => (await quantized()).codes.data as Uint8Array<ArrayBuffer>;
    const scales = async () => float32ToFloat16((await quantized()).scales.data as Float32Array);
    tensors.push({ name: `${stem}.codes`, dtype: "U8", shape: [rows, blocks, 4 * own], data: codes });
    tensors.push({ name: `${stem}.scales`, dtype: "F16", shape: [rows, blocks], data: scales });
    const bytes = rows * blocks * (4 * own + 2);
    weights++;
    linearBytes.stored += stored;
    linearBytes.float32 += 4 * count;
    linearBytes.quantized += bytes;
    totalBytes.quantized += bytes;
  }
  return { tensors, weights, linearBytes, totalBytes };
}

const floats = async (checkpoint: Checkpoint, name: string): Promise<HostTensor> =>
  convertFloat(await checkpoint.read(name), "float32", name);
