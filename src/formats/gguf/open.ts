/** Opens a GGUF file: header read once, then positional reads of single tensors. Also parses files in memory. */
import { type FileHandle, open } from "node:fs/promises";
import { CongError } from "../../support/errors.ts";
import { unknownName } from "../../support/suggest.ts";
import { blockCodecOf, isBlockType } from "../blocks/index.ts";
import { readError, readExactly } from "../file-bytes.ts";
import { invalid, NeedMoreBytes } from "./cursor.ts";
import { decodeHeader, type GgufEntry, type GgufHeader } from "./header.ts";
import type { GgufMetadata, GgufTensorInfo } from "./types.ts";

/** A vocabulary of 150,000 tokens with merges takes about 8 MiB; most headers fit in the second attempt. */
const firstRead = 1 << 20;
const growth = 8;

/** An open file. Reads may run at the same time; `close` it when done. */
export class Gguf {
  readonly path: string;
  readonly version: number;
  readonly metadata: GgufMetadata;
  /** All tensors in the order of the data. */
  readonly tensors: readonly GgufTensorInfo[];
  private readonly entries: GgufHeader["entries"];
  private readonly readRange: (entry: GgufEntry) => Promise<Uint8Array>;
  private readonly closeFile: () => Promise<void>;

  /** Use `openGguf` or `parseGguf`. */
  constructor(
    path: string,
    header: GgufHeader,
    readRange: (entry: GgufEntry) => Promise<Uint8Array>,
    closeFile: () => Promise<void>,
  ) {
    this.path = path;
    this.version = header.version;
    this.metadata = header.metadata;
    this.entries = header.entries;
    this.tensors = [...header.entries.values()].map(({ name, type, shape }) => ({ name, type, shape }));
    this.readRange = readRange;
    this.closeFile = closeFile;
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Type and shape. An unknown name throws CongError `UNKNOWN_NAME`. */
  info(name: string): GgufTensorInfo {
    const { type, shape } = this.entry(name);
    return { name, type, shape };
  }

  /** The bytes of a tensor in its type's own layout. */
  read(name: string): Promise<Uint8Array> {
    return this.readRange(this.entry(name));
  }

  /** The elements of a tensor as float32. CongError `GGUF_UNSUPPORTED` for types without a codec. */
  async readAsFloat32(name: string): Promise<Float32Array> {
    const { type } = this.entry(name);
    if (!isBlockType(type)) {
      throw new CongError(
        "GGUF_UNSUPPORTED",
        `${this.path}: tensor "${name}" is ${type}, which cannot be read as float32`,
        { tensor: name, type },
        "read() gives its raw bytes; f32, f16, bf16, q8_0, q4_0, q4_1, q5_0 and q5_1 can be decoded",
      );
    }
    return blockCodecOf(type).decode(await this.read(name));
  }

  close(): Promise<void> {
    return this.closeFile();
  }

  private entry(name: string): GgufEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw unknownName(`tensor in ${this.path}`, name, this.entries.keys());
    return entry;
  }
}

/** Opens a file and checks its header. CongError `FILE_READ_FAILED` or `GGUF_INVALID`. */
export async function openGguf(path: string): Promise<Gguf> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw readError(path, error);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw invalid(path, "not a regular file");
    const header = await readHeader(handle, path, info.size);
    return new Gguf(
      path,
      header,
      ({ start, end }) => readBytes(handle, path, start, end - start),
      () => handle.close(),
    );
  } catch (error) {
    await handle.close();
    throw readError(path, error);
  }
}

/** A file that is in memory already. `source` names it in messages. Tensors are copies. CongError `GGUF_INVALID`. */
export function parseGguf(bytes: Uint8Array, source = "GGUF bytes"): Gguf {
  const header = decodeHeader(bytes, bytes.length, source);
  return new Gguf(
    source,
    header,
    async ({ start, end }) => new Uint8Array(bytes.subarray(start, end)),
    async () => {},
  );
}

async function readHeader(handle: FileHandle, path: string, fileBytes: number): Promise<GgufHeader> {
  for (let length = firstRead; ; length *= growth) {
    const bytes = await readBytes(handle, path, 0, Math.min(length, fileBytes));
    try {
      return decodeHeader(bytes, fileBytes, path);
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error;
    }
  }
}

const readBytes = (handle: FileHandle, path: string, position: number, length: number): Promise<Uint8Array> =>
  readExactly(handle, path, position, length, (missing) => invalid(path, `it ends ${missing} bytes too early`));
