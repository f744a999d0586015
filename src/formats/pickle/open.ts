/**
 * Opens a PyTorch checkpoint (`pytorch_model.bin`, `.pt`): a zip archive with a pickle that describes the tensors and
 * one entry a storage. The pickle is read at once and runs nothing; tensors are read one at a time by their place.
 */

import { unknownName } from "../../support/suggest.ts";
import { arrayOf, type SafeTensor, type SafeTensorInfo } from "../safetensors/index.ts";
import { type ByteSource, fileSource, memorySource } from "./byte-source.ts";
import { invalid, quote, unsupported } from "./errors.ts";
import { runPickle } from "./machine.ts";
import { isObject, isTensor, type PickleValue, type TensorReference } from "./values.ts";
import { gather, type Window, windowOf } from "./window.ts";
import { checkSum, findEntryData, readEntry, readZipDirectory, type ZipEntry } from "./zip-directory.ts";

/** An open PyTorch checkpoint. Reads may run at the same time; `close` it when done. */
export interface PickleFile {
  readonly path: string;
  /** By name; names of nested dictionaries are joined with ".". */
  readonly tensors: ReadonlyMap<string, SafeTensorInfo>;
  /** Bytes of all storages, each counted once: what an index calls `total_size` when tensors share storages. */
  readonly storageBytes: number;
  /** One tensor with its elements in row-major order. An unknown name throws CongError `UNKNOWN_NAME`. */
  read(name: string): Promise<SafeTensor>;
  close(): Promise<void>;
}

// 50,000 tensors have a pickle of 10 MB.
const largestPickle = 256_000_000;
const mostTensors = 200_000;
const deepest = 8;
const longestName = 2000;

/**
 * Opens a file.
 * @throws CongError `FILE_READ_FAILED`; `PICKLE_INVALID` (damaged, cut short), `PICKLE_UNSAFE` (names anything but
 * tensors and plain data), `PICKLE_UNSUPPORTED` (before PyTorch 1.6, big-endian, compressed)
 */
export async function openPickle(path: string): Promise<PickleFile> {
  const source = await fileSource(path);
  try {
    return await openSource(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The same for bytes in memory. `source` names them in messages. */
export function parsePickle(bytes: Uint8Array, source = "pickle bytes"): Promise<PickleFile> {
  return openSource(memorySource(bytes, source));
}

async function openSource(source: ByteSource): Promise<PickleFile> {
  await checkKind(source);
  const entries = await readZipDirectory(source);
  const pickleName = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) throw invalid(source.name, "a zip archive without data.pkl");
  const root = pickleName.slice(0, -"data.pkl".length);
  await checkByteOrder(source, entries.get(`${root}byteorder`));
  const pickle = entries.get(pickleName)!;
  if (pickle.bytes > largestPickle) {
    throw invalid(source.name, `its pickle has ${pickle.bytes} bytes, the limit is ${largestPickle}`);
  }
  const value = runPickle(await readEntry(source, pickle), source.name);
  const places = new Map<string, { tensor: TensorReference; window: Window; entry: ZipEntry }>();
  const storages = new Set<ZipEntry>();
  for (const [name, tensor] of tensorsOf(source.name, value)) {
    const entry = entries.get(`${root}data/${tensor.storage.key}`);
    if (entry === undefined) throw invalid(source.name, `the storage of ${quote(name)} is missing`);
    places.set(name, { tensor, window: windowOf(source.name, name, tensor, entry.bytes), entry });
    storages.add(entry);
  }
  const info = (name: string, { dtype, shape }: TensorReference): SafeTensorInfo => ({ name, dtype, shape });
  return {
    path: source.name,
    tensors: new Map([...places].map(([name, { tensor }]) => [name, info(name, tensor)])),
    storageBytes: [...storages].reduce((sum, { bytes }) => sum + bytes, 0),
    async read(name) {
      const place = places.get(name);
      if (place === undefined) throw unknownName(`tensor in ${source.name}`, name, places.keys());
      const { tensor, window, entry } = place;
      const start = await findEntryData(source, entry);
      const bytes = await source.read(start + window.start, window.bytes);
      if (window.bytes === entry.bytes) checkSum(source.name, entry, bytes);
      const elements = window.isContiguous ? bytes : gather(tensor, window, bytes);
      return { ...info(name, tensor), data: arrayOf(tensor.dtype, elements) };
    },
    close: () => source.close(),
  };
}

const legacyMagic = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9];

async function checkKind(source: ByteSource): Promise<void> {
  const first = await source.read(0, Math.min(source.size, 16));
  if (first[0] === 0x50 && first[1] === 0x4b) return;
  if (legacyMagic.every((byte, i) => first[i] === byte)) {
    throw unsupported(
      source.name,
      "a checkpoint in the format of PyTorch before 1.6",
      "load it with a newer PyTorch and save it again; torch.save then writes the zip format",
    );
  }
  throw invalid(source.name, "not a zip archive, as PyTorch checkpoints are");
}

async function checkByteOrder(source: ByteSource, entry: ZipEntry | undefined): Promise<void> {
  // Only PyTorch 2.1 and later say it; before, files of big-endian machines cannot be told apart.
  if (entry === undefined) return;
  const text = entry.bytes > 16 ? "?" : new TextDecoder().decode(await readEntry(source, entry));
  if (text === "little") return;
  throw unsupported(source.name, `its byte order is ${quote(text)}`, "save it again on a little-endian machine");
}

/** Tensors in nested dictionaries, by dotted name. Other values (steps, versions) are passed over. */
function tensorsOf(file: string, root: PickleValue): Map<string, TensorReference> {
  const found = new Map<string, TensorReference>();
  let visited = 0;
  const visit = (value: PickleValue, name: string, depth: number): void => {
    // Shared dictionaries may unfold to any number of names.
    if (++visited > mostTensors) throw invalid(file, `more than ${mostTensors} values`);
    if (name.length > longestName) throw invalid(file, `the name ${quote(name)} has ${name.length} characters`);
    if (isTensor(value)) {
      if (found.has(name)) throw invalid(file, `two tensors are called ${quote(name)}`);
      found.set(name, value);
    } else if (isObject(value) && value.kind === "dict") {
      if (depth === deepest) throw invalid(file, `dictionaries nested deeper than ${deepest}`);
      for (const [key, item] of value.entries) visit(item, name === "" ? String(key) : `${name}.${key}`, depth + 1);
    }
  };
  visit(root, "", 0);
  return found;
}
