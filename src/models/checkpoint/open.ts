/** Opens a model folder: `config.json` and its weight files. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CongError } from "../../support/errors.ts";
import { recoverFolder } from "../../support/files.ts";
import { unknownName } from "../../support/suggest.ts";
import type { JsonObject } from "../family.ts";
import { blockDequantized } from "./block-quantized.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { hostDtype, toHostTensor } from "./host-tensors.ts";
import { dequantized } from "./quantized.ts";
import { readJsonObject } from "./read-json.ts";
import { type OpenFilesOptions, openTensorFiles, type TensorFiles } from "./tensor-files.ts";
import { fromChatGlm6b } from "./thudm/chatglm-6b.ts";
import { fromThudm } from "./thudm/from-thudm.ts";
import { layoutOf } from "./thudm/layout.ts";

export type OpenCheckpointOptions = OpenFilesOptions;

/**
 * Opens a folder as Hugging Face tools save it: `config.json` with `model.safetensors` or `pytorch_model.bin`, or shards
 * with an index, which is checked against them. Only headers are read; nothing in the folder is executed.
 *
 * Folders in the layout of THUDM are shown as Hugging Face ones: ChatGLM2-6B, ChatGLM3-6B and GLM-4-9B as `glm`.
 * ChatGLM-6B, for which there is no other layout, keeps its names. Official int8 and int4 weights are dequantised when
 * they are read; `readQuantized` gives their codes. Congling's own quantised folders (`block-quantized.ts`) are, too.
 *
 * @throws CongError `PATH_NOT_FOUND`, `FILE_READ_FAILED`, `BAD_CONFIG`, `SAFETENSORS_INVALID`, `PICKLE_INVALID`,
 * `PICKLE_UNSAFE`, or `CHECKPOINT_INVALID` that lists every contradiction between index and shards
 */
export async function openCheckpoint(folder: string, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  await recoverFolder(folder);
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) {
    const what = info === undefined ? "there is nothing at" : "a model is a folder, not the file";
    throw new CongError("PATH_NOT_FOUND", `${what} ${folder}`, { folder }, "give the folder that holds config.json");
  }
  const config = await readJsonObject(join(folder, "config.json"));
  const layout = layoutOf(config);
  // The index of the published ChatGLM-6B still counts the rows of its first vocabulary.
  const indexTotal = options.indexTotal ?? (layout === "chatglm-6b" ? "ignore" : "error");
  const files = await openTensorFiles(folder, { ...options, indexTotal });
  try {
    const stored = blockDequantized(dequantized(plainCheckpoint(folder, config, files), files, config), files);
    if (layout === "chatglm") return fromThudm(stored);
    return layout === "chatglm-6b" ? fromChatGlm6b(stored) : stored;
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Tensors as the files name them. */
function plainCheckpoint(folder: string, config: JsonObject, files: TensorFiles): Checkpoint {
  return {
    folder,
    config,
    hasPrefixEncoder: false,
    names: [...files.tensors.keys()],
    has: (name) => files.tensors.has(name),
    spec(name) {
      const found = files.tensors.get(name);
      if (found === undefined) throw unknownName(`tensor in ${folder}`, name, files.tensors.keys());
      return { dtype: hostDtype(found.dtype, name), shape: found.shape };
    },
    read: async (name) => toHostTensor(await files.read(name)),
    async *pieces(name, rows) {
      for await (const piece of files.pieces(name, rows)) yield toHostTensor(piece);
    },
    readQuantized: async () => undefined,
    close: () => files.close(),
  };
}
