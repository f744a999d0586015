/**
 * The header of a GGUF file: magic, version, counts, metadata, tensor list; then padding and the data.
 *
 * Reading checks what ggml checks (versions 2 and 3, no repeated keys or names, sizes that rows of blocks fill, tensors
 * one after the other, each on the alignment) and that every tensor lies inside the file. Version 1 had 32-bit lengths
 * and is gone from use; big-endian files exist on paper.
 */
import { CongError } from "../../support/errors.ts";
import { Cursor, invalid } from "./cursor.ts";
import {
  byteLengthOf,
  defaultAlignment,
  type GgufMetadata,
  type GgufTensorInfo,
  type GgufValue,
  longestName,
  magic,
  mostSizes,
  tensorRowOf,
  tensorTypeOf,
} from "./types.ts";
import { encodeText, encodeValue, join, number32, number64, readValue } from "./values.ts";

export interface GgufEntry extends GgufTensorInfo {
  /** First byte, counted from the start of the file. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface GgufHeader {
  /** 2 or 3; they differ in nothing but the number for little-endian files. */
  readonly version: number;
  readonly metadata: GgufMetadata;
  /** By name, in the order of the data. */
  readonly entries: ReadonlyMap<string, GgufEntry>;
}

/** Parses a header from the first bytes of a file of `fileBytes` bytes. CongError `GGUF_INVALID`, or `NeedMoreBytes`. */
export function decodeHeader(bytes: Uint8Array, fileBytes: number, file: string): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes, file);
  if (cursor.uint32("the magic number") !== magic) throw invalid(file, 'it does not begin with "GGUF"');
  const version = cursor.uint32("the version");
  if (version !== 2 && version !== 3) throw invalid(file, explainVersion(version));
  // A tensor has at least a name length, a count of sizes, a type and an offset; a value a key length, a type, a byte.
  const tensors = cursor.items(8 + 4 + 4 + 8, "the number of tensors");
  const values = cursor.items(8 + 4 + 1, "the number of metadata values");
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < values; i++) {
    const key = cursor.text(`metadata key ${i}`);
    if (metadata.has(key)) throw invalid(file, `metadata key ${show(key)} occurs twice`);
    metadata.set(key, readValue(cursor, `metadata ${show(key)}`));
  }
  const alignment = alignmentOf(metadata, file);
  const listed = Array.from({ length: tensors }, (_, i) => decodeTensor(cursor, i));
  const dataStart = padded(cursor.position, alignment);
  return { version, metadata, entries: place(listed, dataStart, alignment, fileBytes, file) };
}

/** The bytes before the data, padding included, and where each tensor goes. CongError `BAD_ARGUMENT`. */
export function encodeHeader(
  tensors: readonly GgufTensorInfo[],
  metadata: GgufMetadata,
): { bytes: Uint8Array; entries: readonly GgufEntry[] } {
  const alignment = alignmentOf(metadata, "the metadata");
  const parts = [number32(magic), number32(3), number64(tensors.length), number64(metadata.size)];
  for (const [key, value] of metadata) parts.push(encodeText(key, "a metadata key"), encodeValue(value, key));
  const placed = layOut(tensors, alignment);
  for (const { name, type, shape, start } of placed) {
    parts.push(encodeText(name, "a tensor name"), number32(shape.length));
    for (const size of [...shape].reverse()) parts.push(number64(size));
    parts.push(number32(tensorRowOf(type).id), number64(start));
  }
  const head = join(parts);
  const bytes = new Uint8Array(padded(head.length, alignment));
  bytes.set(head);
  const entries = placed.map((entry) => ({
    ...entry,
    start: bytes.length + entry.start,
    end: bytes.length + entry.end,
  }));
  return { bytes, entries };
}

/** The alignment that metadata asks for. */
export function alignmentOf(metadata: GgufMetadata, file: string): number {
  const value = metadata.get("general.alignment");
  if (value === undefined) return defaultAlignment;
  if (value.type !== "uint32" || value.value === 0 || (value.value & (value.value - 1)) !== 0) {
    throw invalid(file, "general.alignment is not a uint32 power of two");
  }
  return value.value;
}

export function padded(length: number, alignment: number): number {
  return Math.ceil(length / alignment) * alignment;
}

interface ListedTensor extends GgufTensorInfo {
  readonly offset: number;
}

function decodeTensor(cursor: Cursor, index: number): ListedTensor {
  const name = cursor.text(`the name of tensor ${index}`);
  const what = `tensor ${show(name)}`;
  const dimensions = cursor.uint32(`the number of sizes of ${what}`);
  if (dimensions > mostSizes) throw invalid(cursor.file, `${what} has ${dimensions} sizes, at most ${mostSizes} exist`);
  const sizes = Array.from({ length: dimensions }, (_, i) => cursor.count(`size ${i} of ${what}`));
  const id = cursor.uint32(`the type of ${what}`);
  const type = tensorTypeOf(id);
  if (type === undefined) throw invalid(cursor.file, `${what} has the unknown type ${id}`);
  return { name, type, shape: sizes.reverse(), offset: cursor.count(`the offset of ${what}`) };
}

function place(
  listed: readonly ListedTensor[],
  dataStart: number,
  alignment: number,
  fileBytes: number,
  file: string,
): Map<string, GgufEntry> {
  const entries = new Map<string, GgufEntry>();
  let wanted = 0;
  let end = dataStart;
  for (const { name, type, shape, offset } of listed) {
    const bytes = byteLengthOf(type, shape);
    if (entries.has(name)) throw invalid(file, `tensor ${show(name)} occurs twice`);
    if (bytes === undefined) {
      throw invalid(file, `tensor ${show(name)}: ${type} [${shape.join(", ")}] has no whole number of blocks or bytes`);
    }
    if (offset !== wanted) throw invalid(file, `tensor ${show(name)} starts at ${offset}, wanted ${wanted}`);
    const start = dataStart + offset;
    end = start + bytes;
    if (end > fileBytes)
      throw invalid(file, `tensor ${show(name)} ends at byte ${end}, the file has only ${fileBytes}`);
    entries.set(name, { name, type, shape, start, end });
    wanted = padded(offset + bytes, alignment);
  }
  if (listed.length > 0 && fileBytes - end >= alignment) {
    throw invalid(file, `${fileBytes - end} bytes after the last tensor`);
  }
  return entries;
}

function layOut(tensors: readonly GgufTensorInfo[], alignment: number): GgufEntry[] {
  const seen = new Set<string>();
  let position = 0;
  return tensors.map(({ name, type, shape }) => {
    const bytes = byteLengthOf(type, shape);
    if (seen.has(name)) throw unwritable(name, "the name occurs twice");
    if (new TextEncoder().encode(name).length > longestName) throw unwritable(name, `longer than ${longestName} bytes`);
    if (shape.length > mostSizes) throw unwritable(name, `${shape.length} sizes, at most ${mostSizes} can be stored`);
    if (bytes === undefined) throw unwritable(name, `${type} [${shape.join(", ")}] has no whole number of blocks`);
    seen.add(name);
    const start = position;
    position = padded(start + bytes, alignment);
    return { name, type, shape: [...shape], start, end: start + bytes };
  });
}

function explainVersion(version: number): string {
  if (version === 0x02000000 || version === 0x03000000) return "a big-endian file, which no common machine writes";
  return `version ${version}; versions 2 and 3 can be read`;
}

function show(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function unwritable(name: string, what: string): CongError {
  const hint = "nothing was written; change the tensor list";
  return new CongError("BAD_ARGUMENT", `tensor ${show(name)}: ${what}`, { tensor: name }, hint);
}
