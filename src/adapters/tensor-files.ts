/** The tensors of an adapter's folder as float32, from safetensors or from a PyTorch pickle, which runs nothing. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HostTensor } from "../engine/index.ts";
import { openPickle, openSafetensors, readShardIndex, type SafeTensor, tensorToFloat32 } from "../formats/index.ts";
import { CongError } from "../support/errors.ts";
import type { AdapterJson } from "./adapter.ts";

/** What both kinds of file offer. */
interface NamedTensors {
  readonly names: readonly string[];
  read(name: string): Promise<SafeTensor>;
  close(): Promise<void>;
}

/**
 * The tensors whose names `wanted` keeps, float32. `stem` is "adapter_model" or "model"; of a sharded model only the
 * tensors wanted are read.
 * @throws CongError `PATH_NOT_FOUND` when there is no such file, or the errors of the readers
 */
export async function readTensors(
  folder: string,
  stem: "adapter_model" | "model",
  wanted: (name: string) => boolean,
): Promise<Map<string, HostTensor>> {
  const found = new Map<string, HostTensor>();
  for (const open of await findFiles(folder, stem, wanted)) {
    const files = await open();
    try {
      for (const name of files.names.filter(wanted)) {
        const tensor = await files.read(name);
        found.set(name, { dtype: "float32", shape: tensor.shape, data: tensorToFloat32(tensor) });
      }
    } finally {
      await files.close();
    }
  }
  return found;
}

/** @throws CongError `FILE_READ_FAILED`, `BAD_CONFIG` */
export async function readJson(path: string): Promise<AdapterJson> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CongError("FILE_READ_FAILED", `cannot read ${path}: ${reason}`, { path, cause: error }, "check the path");
  });
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as AdapterJson;
    throw new SyntaxError("not an object");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CongError("BAD_CONFIG", `${path}: ${reason}`, { path }, "the file is damaged: copy it again");
  }
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Openers of the files, so that one is open at a time. */
async function findFiles(
  folder: string,
  stem: "adapter_model" | "model",
  wanted: (name: string) => boolean,
): Promise<(() => Promise<NamedTensors>)[]> {
  const single = join(folder, `${stem}.safetensors`);
  if (await exists(single)) return [() => openSafetensors(single)];
  const index = join(folder, `${stem}.safetensors.index.json`);
  if (await exists(index)) return [() => openSafetensors(index)];
  const pickleStem = stem === "model" ? "pytorch_model" : stem;
  const pickle = join(folder, `${pickleStem}.bin`);
  if (await exists(pickle)) return [() => openNamedPickle(pickle)];
  const pickleIndex = join(folder, `${pickleStem}.bin.index.json`);
  if (await exists(pickleIndex)) {
    const { weightMap } = await readShardIndex(pickleIndex);
    const shards = new Set([...weightMap].filter(([name]) => wanted(name)).map(([, shard]) => shard));
    return [...shards].map((shard) => () => openNamedPickle(join(folder, shard)));
  }
  throw new CongError(
    "PATH_NOT_FOUND",
    `no ${stem}.safetensors and no ${pickleStem}.bin in ${folder}`,
    { folder },
    "give the folder of one adapter, with its weights",
  );
}

async function openNamedPickle(path: string): Promise<NamedTensors> {
  const file = await openPickle(path);
  return { names: [...file.tensors.keys()], read: (name) => file.read(name), close: () => file.close() };
}
