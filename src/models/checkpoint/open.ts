/** Opens a model folder: `config.json` and its weight files. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CongError } from "../../support/errors.ts";
import { recoverFolder } from "../../support/files.ts";
import { unknownName } from "../../support/suggest.ts";
import type { JsonObject } from "../family.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { hostDtype, toHostTensor } from "./host-tensors.ts";
import { readJsonObject } from "./read-json.ts";
import { type OpenFilesOptions, openTensorFiles, type TensorFiles } from "./tensor-files.ts";

export type OpenCheckpointOptions = OpenFilesOptions;

/**
 * Opens a folder as Hugging Face tools save it: `config.json` with `model.safetensors`, or shards with an index, which
 * is checked against them. Only headers are read; nothing in the folder is executed.
 *
 * @throws CongError `PATH_NOT_FOUND`, `FILE_READ_FAILED`, `BAD_CONFIG`, `SAFETENSORS_INVALID`, or `CHECKPOINT_INVALID`
 * that lists every contradiction between index and shards
 */
export async function openCheckpoint(folder: string, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  await recoverFolder(folder);
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) {
    const what = info === undefined ? "there is nothing at" : "a model is a folder, not the file";
    throw new CongError("PATH_NOT_FOUND", `${what} ${folder}`, { folder }, "give the folder that holds config.json");
  }
  const config = await readJsonObject(join(folder, "config.json"));
  return plainCheckpoint(folder, config, await openTensorFiles(folder, options));
}

/** Tensors as the files name them. */
export function plainCheckpoint(folder: string, config: JsonObject, files: TensorFiles): Checkpoint {
  return {
    folder,
    config,
    names: [...files.tensors.keys()],
    has: (name) => files.tensors.has(name),
    spec(name) {
      const found = files.tensors.get(name);
      if (found === undefined) throw unknownName(`tensor in ${folder}`, name, files.tensors.keys());
      return { dtype: hostDtype(found.dtype, name), shape: found.shape };
    },
    read: async (name) => toHostTensor(await files.read(name)),
    readQuantized: async () => undefined,
    close: () => files.close(),
  };
}
