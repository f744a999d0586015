/** Writes model folders that Hugging Face tools open: `config.json`, safetensors, and what else belongs to a model. */
import { copyFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type DType, flattenTree, type HostTensor, type Tree } from "../../engine/index.ts";
import { type SafeArray, type TensorSource, writeShardedSafetensors } from "../../formats/index.ts";
import { CongError } from "../../support/errors.ts";
import { replaceFolderAtomic, writeFileAtomic } from "../../support/files.ts";
import type { JsonObject } from "../family.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { convertFloat, storedDtype } from "./host-tensors.ts";

export type SavedDtype = Extract<DType, "float32" | "float16" | "bfloat16">;

export interface SaveOptions {
  /** Type of all floating-point tensors, also noted in the configuration. Default: as they are. */
  readonly dtype?: SavedDtype | undefined;
  /** Tensors that stay float32 whatever `dtype` says. Default: the routers' correction biases, as in transformers. */
  readonly keepsFloat32?: ((name: string) => boolean) | undefined;
  /** Largest file in bytes; a single larger tensor gets its own. Default 5e9. */
  readonly maxShardBytes?: number | undefined;
  /** Content of `generation_config.json`. Default: no such file. */
  readonly generation?: JsonObject | undefined;
  /** A folder whose tokenizer files are copied. */
  readonly tokenizerFrom?: string | undefined;
  /** Replace a folder that holds files which are not of a model; they are deleted. Default false. */
  readonly overwrite?: boolean | undefined;
}

export interface SavedModel extends SaveOptions {
  readonly config: JsonObject;
  /** Paths are the names in the file. */
  readonly parameters: Tree<HostTensor>;
}

/** The files a tokenizer may consist of. Python code is not copied. */
export const tokenizerFiles: readonly string[] = [
  "tokenizer.json",
  "tokenizer_config.json",
  "tokenizer.model",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
  "ice_text.model",
  "spiece.model",
  "chat_template.jinja",
  "chat_template.json",
];

/**
 * Writes a model folder, replacing an older one: everything or nothing.
 * @throws CongError `FOLDER_IN_USE` when other files are in the folder, and the errors of `replaceFolderAtomic`
 */
export async function saveCheckpoint(folder: string, model: SavedModel): Promise<void> {
  const tensors = flattenTree<HostTensor>(model.parameters).map(([name, tensor]) => source(name, tensor, model));
  await writeFolder(folder, model.config, tensors, model);
}

/**
 * Writes a checkpoint as a model folder, one tensor in memory at a time. Its configuration is kept, `dtype` apart.
 * Weights that are stored quantised are written dequantised.
 */
export async function convertCheckpoint(
  checkpoint: Checkpoint,
  folder: string,
  options: SaveOptions = {},
): Promise<void> {
  const tensors = checkpoint.names.map((name): TensorSource => {
    const { dtype, shape } = checkpoint.spec(name);
    const target = targetDtype(name, dtype, options);
    const data = async () => convertFloat(await checkpoint.read(name), target, name).data as SafeArray;
    return { name, dtype: storedDtype(target), shape, data };
  });
  await writeFolder(folder, withoutQuantization(checkpoint.config), tensors, options);
}

/** Copies the tokenizer's files that are there; returns their names. */
export async function copyTokenizerFiles(from: string, to: string): Promise<string[]> {
  const present = await readdir(from);
  const copied = tokenizerFiles.filter((name) => present.includes(name));
  for (const name of copied) await copyFile(join(from, name), join(to, name));
  return copied;
}

function source(name: string, tensor: HostTensor, options: SaveOptions): TensorSource {
  const target = targetDtype(name, tensor.dtype, options);
  const data = () => convertFloat(tensor, target, name).data as SafeArray;
  return { name, dtype: storedDtype(target), shape: tensor.shape, data };
}

const isCorrectionBias = (name: string): boolean => name.endsWith(".e_score_correction_bias");

function targetDtype(name: string, dtype: DType, { dtype: wanted, keepsFloat32 = isCorrectionBias }: SaveOptions) {
  const isFloat = dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
  if (wanted === undefined || !isFloat) return dtype;
  return keepsFloat32(name) ? "float32" : wanted;
}

async function writeFolder(
  folder: string,
  config: JsonObject,
  tensors: readonly TensorSource[],
  options: SaveOptions,
): Promise<void> {
  if (options.overwrite !== true) await checkReplaceable(folder);
  const { maxShardBytes, generation, tokenizerFrom } = options;
  await replaceFolderAtomic(folder, async (to) => {
    const shards = { metadata: { format: "pt" }, ...(maxShardBytes === undefined ? {} : { maxShardBytes }) };
    await writeShardedSafetensors(to, tensors, shards);
    await writeJson(join(to, "config.json"), withDtype(config, options.dtype));
    if (generation !== undefined) await writeJson(join(to, "generation_config.json"), generation);
    if (tokenizerFrom !== undefined) await copyTokenizerFiles(resolve(tokenizerFrom), to);
  });
}

/** A mistyped path must not cost a folder of other things. */
async function checkReplaceable(folder: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined) return;
  const names = info.isDirectory() ? await readdir(folder) : [folder];
  const foreign = names.filter((name) => !isModelFile(name));
  if (foreign.length === 0) return;
  throw new CongError(
    "FOLDER_IN_USE",
    `${folder} holds other files: ${foreign.slice(0, 5).join(", ")}${foreign.length > 5 ? ", …" : ""}`,
    { folder, foreign },
    "saving replaces the whole folder: give a new one, or pass overwrite: true",
  );
}

const isModelFile = (name: string): boolean =>
  ["config.json", "generation_config.json", "model.safetensors.index.json", ...tokenizerFiles].includes(name) ||
  /^model(?:-\d{5}-of-\d{5})?\.safetensors$/.test(name);

/** Under the key the configuration already uses. */
function withDtype(config: JsonObject, dtype: SavedDtype | undefined): JsonObject {
  if (dtype === undefined) return config;
  return Object.hasOwn(config, "torch_dtype") ? { ...config, torch_dtype: dtype } : { ...config, dtype };
}

function withoutQuantization({ quantization_bit: _, ...config }: JsonObject): JsonObject {
  return config;
}

/** Sorted keys and two spaces, as transformers writes it. */
async function writeJson(path: string, content: JsonObject): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFileAtomic(path, [new TextEncoder().encode(`${JSON.stringify(sorted, null, 2)}\n`)]);
}
