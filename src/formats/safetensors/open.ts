/**
 * Opens a safetensors file or a Hugging Face model folder, single or sharded, and reads tensors one at a time, so that
 * a checkpoint larger than memory can be walked through. Shards open on first use and stay open until `close`.
 */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CongError } from "../../support/errors.ts";
import { unknownName } from "../../support/suggest.ts";
import { arrayOf, type SafeTensor, type SafeTensorInfo } from "./dtypes.ts";
import { type HeaderEntry, invalid } from "./header.ts";
import { type OpenSafetensorsFile, openSafetensorsFile } from "./read-file.ts";
import { indexFileName, readShardIndex, singleFileName } from "./shard-index.ts";
import { tensorToFloat32 } from "./to-float32.ts";

/** An open checkpoint. Reads may run at the same time; `close` it when done. */
export class Safetensors {
  /** The file, or the index of a sharded checkpoint. */
  readonly path: string;
  /** All tensor names. */
  readonly names: readonly string[];
  /** The writer's notes: `__metadata__` of a single file, `metadata` of an index (as text). */
  readonly metadata: Readonly<Record<string, string>>;
  private readonly shardOf: ReadonlyMap<string, string>;
  private readonly shards: Map<string, Promise<OpenSafetensorsFile>>;
  private isClosed = false;

  /** Use `openSafetensors`. `shardOf` maps tensor names to paths; `opened` are shards that are open already. */
  constructor(
    path: string,
    metadata: Readonly<Record<string, string>>,
    shardOf: ReadonlyMap<string, string>,
    opened: Iterable<OpenSafetensorsFile>,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.shardOf = shardOf;
    this.names = [...shardOf.keys()];
    this.shards = new Map([...opened].map((file) => [file.path, Promise.resolve(file)]));
  }

  has(name: string): boolean {
    return this.shardOf.has(name);
  }

  /** Dtype and shape, without reading the data. An unknown name throws CongError `UNKNOWN_NAME`. */
  async info(name: string): Promise<SafeTensorInfo> {
    const { dtype, shape } = (await this.find(name)).entry;
    return { name, dtype, shape };
  }

  /** One tensor; reads only its bytes, into a buffer of its own. */
  async read(name: string): Promise<SafeTensor> {
    const { file, entry } = await this.find(name);
    const { dtype, shape } = entry;
    return { name, dtype, shape, data: arrayOf(dtype, await file.readBytes(entry)) };
  }

  /**
   * Rows `from` up to `to` (of the first axis) of one tensor; reads only their bytes.
   * @param into memory to use; at least as long as the rows. Default: fresh
   * @throws CongError `BAD_ARGUMENT` for rows that the tensor does not have, or elements of less than a byte
   */
  async readRows(name: string, from: number, to: number, into?: Uint8Array): Promise<SafeTensor> {
    const { file, entry } = await this.find(name);
    const { dtype, shape } = entry;
    const rows = shape[0] ?? 0;
    const rowBytes = (entry.end - entry.start) / rows;
    if (!(from >= 0 && from < to && to <= rows) || !Number.isInteger(rowBytes)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `tensor "${name}" [${shape.join(", ")}] of ${dtype} has no rows ${from} to ${to}`,
        { tensor: name, from, to, shape, dtype },
        "rows count from 0; the end is not included",
      );
    }
    const length = (to - from) * rowBytes;
    const bytes = await file.readPart(entry, from * rowBytes, into?.subarray(0, length) ?? new Uint8Array(length));
    return { name, dtype, shape: [to - from, ...shape.slice(1)], data: arrayOf(dtype, bytes) };
  }

  /** The elements of one tensor as float32; see `tensorToFloat32`. */
  async readAsFloat32(name: string): Promise<Float32Array> {
    return tensorToFloat32(await this.read(name));
  }

  /** Closes all files; reads still running may fail. May be called twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    const open = await Promise.allSettled(this.shards.values());
    this.shards.clear();
    await Promise.all(open.map((shard) => (shard.status === "fulfilled" ? shard.value.close() : undefined)));
  }

  private async find(name: string): Promise<{ file: OpenSafetensorsFile; entry: HeaderEntry }> {
    const path = this.shardOf.get(name);
    if (path === undefined) throw unknownName(`tensor in ${this.path}`, name, this.names);
    if (this.isClosed) throw new CongError("CLOSED", `${this.path} is closed`, { path: this.path }, "open it again");
    const file = await this.shard(path);
    const entry = file.header.entries.get(name);
    if (entry === undefined) throw invalid(path, name, `missing, though ${this.path} says that it is here`);
    return { file, entry };
  }

  private shard(path: string): Promise<OpenSafetensorsFile> {
    const known = this.shards.get(path);
    if (known !== undefined) return known;
    const opening = openSafetensorsFile(path);
    this.shards.set(path, opening);
    // A failure is not remembered: the missing shard may be on its way.
    opening.catch(() => this.shards.delete(path));
    return opening;
  }
}

/**
 * Opens a `.safetensors` file, an index file, or a folder with `model.safetensors` or `model.safetensors.index.json`
 * (looked for in this order). Throws CongError `FILE_READ_FAILED`, `SAFETENSORS_INVALID` or `PATH_NOT_FOUND`.
 */
export async function openSafetensors(pathOrFolder: string): Promise<Safetensors> {
  const path = await locate(pathOrFolder);
  if (path.endsWith(".json")) {
    const { metadata, weightMap } = await readShardIndex(path);
    const shardOf = new Map([...weightMap].map(([name, file]) => [name, join(dirname(path), file)]));
    return new Safetensors(path, metadata, shardOf, []);
  }
  const file = await openSafetensorsFile(path);
  const shardOf = new Map([...file.header.entries.keys()].map((name) => [name, path]));
  return new Safetensors(path, file.header.metadata, shardOf, [file]);
}

async function locate(pathOrFolder: string): Promise<string> {
  const info = await stat(pathOrFolder).catch(() => undefined);
  if (info !== undefined && !info.isDirectory()) return pathOrFolder;
  if (info !== undefined) {
    for (const name of [singleFileName, indexFileName]) {
      const path = join(pathOrFolder, name);
      if ((await stat(path).catch(() => undefined)) !== undefined) return path;
    }
  }
  const what = info === undefined ? "there is nothing at" : `no ${singleFileName} and no ${indexFileName} in`;
  throw new CongError(
    "PATH_NOT_FOUND",
    `${what} ${pathOrFolder}`,
    { path: pathOrFolder },
    "give a .safetensors file or the folder of a model; PyTorch .bin files must be converted first",
  );
}
