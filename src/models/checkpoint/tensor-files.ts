/**
 * The weight files of a model folder as one set of tensors: a single file, or shards with an index that is checked
 * against them before anything is read. Files stay open until `close`; their headers are in memory, their data not.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  byteLengthOf,
  openPickle,
  openSafetensors,
  readShardIndex,
  type SafeTensor,
  type SafeTensorInfo,
} from "../../formats/index.ts";
import { CongError } from "../../support/errors.ts";
import { unknownName } from "../../support/suggest.ts";
import { piecesOf, type RowRange } from "./pieces.ts";

/** One open weight file. */
export interface TensorFile {
  readonly path: string;
  readonly tensors: readonly SafeTensorInfo[];
  /** Bytes of the data; in pickles, storages that tensors share count once. */
  readonly storedBytes: number;
  read(name: string): Promise<SafeTensor>;
  /** Rows of a matrix into given memory; absent where the file cannot be read in parts. */
  readRows?(name: string, from: number, to: number, into: Uint8Array): Promise<SafeTensor>;
  close(): Promise<void>;
}

/** All weight files of a folder. */
export interface TensorFiles {
  readonly tensors: ReadonlyMap<string, SafeTensorInfo>;
  read(name: string): Promise<SafeTensor>;
  /** A matrix in runs of rows, in order; the memory of one is used again once the next is asked for. */
  pieces(name: string, rows?: RowRange): AsyncGenerator<SafeTensor, void, undefined>;
  close(): Promise<void>;
}

/** A kind of weight file: how its files are called and how one is opened. */
interface FileKind {
  readonly single: string;
  readonly index: string;
  readonly open: (path: string) => Promise<TensorFile>;
}

const kinds: readonly FileKind[] = [
  { single: "model.safetensors", index: "model.safetensors.index.json", open: openSafetensorsFile },
  { single: "pytorch_model.bin", index: "pytorch_model.bin.index.json", open: openPickleFile },
];

export interface OpenFilesOptions {
  /**
   * What to do when the index states another number of bytes than the shards hold. The index of the published
   * ChatGLM-6B was not renewed when its vocabulary shrank. Default "error".
   */
  readonly indexTotal?: "error" | "ignore" | undefined;
}

/** Safetensors are preferred to pickles, a single file to shards, as in Hugging Face tools. */
export async function openTensorFiles(folder: string, options: OpenFilesOptions = {}): Promise<TensorFiles> {
  for (const kind of kinds) {
    if (await exists(join(folder, kind.single))) {
      const file = await kind.open(join(folder, kind.single));
      return collect([file]);
    }
    if (await exists(join(folder, kind.index))) return openShards(folder, kind, options);
  }
  const names = kinds.flatMap(({ single, index }) => [single, index]);
  throw new CongError(
    "PATH_NOT_FOUND",
    `no weights in ${folder}: none of ${names.join(", ")}`,
    { folder, wanted: names },
    "give the folder of a model as Hugging Face tools save it",
  );
}

/** The error of a folder whose files contradict each other: code `CHECKPOINT_INVALID`. */
export const inconsistent = (path: string, problems: readonly string[], details: object = {}): CongError => {
  const shown = problems.slice(0, 20);
  const more = problems.length > shown.length ? [`… and ${problems.length - shown.length} more`] : [];
  return new CongError(
    "CHECKPOINT_INVALID",
    `${path}: ${[...shown, ...more].join("\n  ")}`,
    { path, problems, ...details },
    "nothing was loaded; a shard is missing, cut short or from another model: download the folder again",
  );
};

async function openShards(folder: string, kind: FileKind, options: OpenFilesOptions): Promise<TensorFiles> {
  const indexPath = join(folder, kind.index);
  const { metadata, weightMap } = await readShardIndex(indexPath);
  const names = [...new Set(weightMap.values())].sort();
  const missing: string[] = [];
  for (const name of names) {
    if (!(await exists(join(folder, name)))) missing.push(`the shard ${name} is not in the folder`);
  }
  if (missing.length > 0) throw inconsistent(indexPath, missing);
  const files: TensorFile[] = [];
  try {
    for (const name of names) files.push(await kind.open(join(folder, name)));
    checkIndex(indexPath, weightMap, new Map(names.map((name, i) => [name, files[i]!])));
    if (options.indexTotal !== "ignore") checkTotal(indexPath, metadata.total_size, files);
    return collect(files);
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

/** Every tensor must be in the shard that the index names, and in no other. */
function checkIndex(
  indexPath: string,
  weightMap: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, TensorFile>,
): void {
  const problems: string[] = [];
  const held = new Map<string, string[]>();
  for (const [shard, { tensors }] of files) {
    for (const { name } of tensors) held.set(name, [...(held.get(name) ?? []), shard]);
  }
  for (const [name, shard] of weightMap) {
    const holders = held.get(name) ?? [];
    if (!holders.includes(shard)) {
      const elsewhere = holders.length > 0 ? `; it is in ${holders.join(", ")}` : "";
      problems.push(`tensor "${name}" is not in ${shard}, where the index puts it${elsewhere}`);
    }
  }
  for (const [name, holders] of held) {
    if (holders.length > 1) problems.push(`tensor "${name}" is in several shards: ${holders.join(", ")}`);
    else if (!weightMap.has(name)) problems.push(`tensor "${name}" of ${holders[0]} is not in the index`);
  }
  if (problems.length > 0) throw inconsistent(indexPath, problems);
}

function checkTotal(indexPath: string, stated: string | undefined, files: readonly TensorFile[]): void {
  if (stated === undefined) return;
  const actual = bytesOf(files.flatMap(({ tensors }) => tensors));
  // Writers disagree on whether a shared storage counts once.
  const stored = files.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  if (Number(stated) === actual || Number(stated) === stored) return;
  throw new CongError(
    "CHECKPOINT_INVALID",
    `${indexPath}: the index states total_size ${stated}, the tensors of the shards have ${actual} bytes`,
    { path: indexPath, stated, actual },
    'a shard may come from another model; if you trust the folder, open it with indexTotal: "ignore"',
  );
}

function collect(files: readonly TensorFile[]): TensorFiles {
  const places = new Map<string, { info: SafeTensorInfo; file: TensorFile }>();
  for (const file of files) for (const info of file.tensors) places.set(info.name, { info, file });
  const find = (name: string) => {
    const place = places.get(name);
    if (place === undefined) throw unknownName("tensor", name, places.keys());
    return place;
  };
  return {
    tensors: new Map([...places].map(([name, { info }]) => [name, info])),
    read: async (name) => find(name).file.read(name),
    pieces(name, rows) {
      const { file, info } = find(name);
      return piecesOf(file, info, rows);
    },
    async close() {
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

async function openSafetensorsFile(path: string): Promise<TensorFile> {
  const file = await openSafetensors(path);
  const tensors: SafeTensorInfo[] = [];
  for (const name of file.names) tensors.push(await file.info(name));
  return {
    path,
    tensors,
    storedBytes: bytesOf(tensors),
    read: (name) => file.read(name),
    readRows: (name, from, to, into) => file.readRows(name, from, to, into),
    close: () => file.close(),
  };
}

async function openPickleFile(path: string): Promise<TensorFile> {
  const file = await openPickle(path);
  const { storageBytes: storedBytes } = file;
  return {
    path,
    tensors: [...file.tensors.values()],
    storedBytes,
    read: (name) => file.read(name),
    close: () => file.close(),
  };
}

const bytesOf = (tensors: readonly SafeTensorInfo[]): number =>
  tensors.reduce((sum, { dtype, shape }) => sum + (byteLengthOf(dtype, shape) ?? 0), 0);

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
