/** Writes a model folder in files of a bounded size with an index, as Hugging Face libraries do. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkInteger } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import { type StagedFile, stageFile, syncFolder } from "../../support/files.ts";
import { byteLengthOf } from "./dtypes.ts";
import { encodeShardIndex, indexFileName, singleFileName } from "./shard-index.ts";
import { stageSafetensors, type TensorSource, type WriteOptions } from "./write.ts";

export interface ShardOptions extends WriteOptions {
  /** Largest sum of tensor bytes in a file; a single larger tensor gets its own. Default 5e9, as in Hugging Face. */
  readonly maxShardBytes?: number;
}

/**
 * Writes `model-00001-of-0000N.safetensors` and `model.safetensors.index.json` into an existing folder; when all fits
 * in one shard, `model.safetensors` alone, as Hugging Face does. Tensors are packed in the order given. Returns the names of the files.
 *
 * Nothing of a previous model is touched until every new byte is on disk. A crash between the renames that follow
 * leaves the old model, the new one, or a folder without an index, which does not open; never a mix of two. Wrap the
 * call in `replaceFolderAtomic` to have the previous model even then.
 */
export async function writeShardedSafetensors(
  folder: string,
  tensors: Iterable<TensorSource>,
  options: ShardOptions = {},
): Promise<string[]> {
  const { maxShardBytes = 5e9, metadata = {} } = options;
  checkInteger("writeShardedSafetensors", { maxShardBytes }, { min: 1 });
  const shards = packShards([...tensors], maxShardBytes);
  const files = shards.map((_, i) => shardName(i, shards.length));
  const staged: StagedFile[] = [];
  try {
    for (const [i, shard] of shards.entries()) {
      staged.push(await stageSafetensors(join(folder, files[i]!), shard, { metadata }));
    }
    if (shards.length > 1) {
      const text = encodeIndex(shards, files, metadata);
      staged.push(await stageFile(join(folder, indexFileName), [new TextEncoder().encode(text)]));
      files.push(indexFileName);
    }
    if (shards.length > 1) {
      // Shards of the same names are about to change under the old index: its removal must reach the disk first.
      await rm(join(folder, indexFileName), { force: true });
      await syncFolder(folder);
    }
    for (const file of staged) await file.commit();
  } catch (error) {
    for (const file of staged) await file.discard();
    throw error;
  }
  await syncFolder(folder);
  await removeStaleFiles(folder, files);
  return files;
}

/** Greedy, in the order given, as huggingface_hub splits a state dict. At least one shard, which may be empty. */
function packShards(tensors: readonly TensorSource[], maxShardBytes: number): TensorSource[][] {
  const shards: TensorSource[][] = [[]];
  const seen = new Set<string>();
  let used = 0;
  for (const tensor of tensors) {
    if (seen.has(tensor.name)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `tensor "${tensor.name}" occurs twice`,
        { tensor: tensor.name },
        "rename one",
      );
    }
    seen.add(tensor.name);
    const bytes = byteLengthOf(tensor.dtype, tensor.shape) ?? 0; // a bad shape is refused when its header is made
    if (used + bytes > maxShardBytes && shards.at(-1)!.length > 0) {
      shards.push([]);
      used = 0;
    }
    shards.at(-1)!.push(tensor);
    used += bytes;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  if (count === 1) return singleFileName;
  const five = (n: number) => String(n).padStart(5, "0");
  return `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

function encodeIndex(
  shards: readonly TensorSource[][],
  files: readonly string[],
  metadata: WriteOptions["metadata"],
): string {
  const weightMap = new Map(shards.flatMap((shard, i) => shard.map(({ name }) => [name, files[i]!] as const)));
  const bytes = shards.flat().reduce((sum, { dtype, shape }) => sum + (byteLengthOf(dtype, shape) ?? 0), 0);
  return encodeShardIndex(weightMap, bytes, metadata ?? {});
}

/** Weight files of an earlier save that the new one does not use; a leftover `model.safetensors` would be read first. */
async function removeStaleFiles(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    const isWeights =
      name === singleFileName || name === indexFileName || /^model-\d{5}-of-\d{5}\.safetensors$/.test(name);
    if (isWeights && !kept.includes(name)) await rm(join(folder, name), { force: true });
  }
}
