/**
 * The directory of a zip archive as PyTorch writes it: stored entries only, zip64 or not (PKWARE APPNOTE 4.3 to 4.5).
 * Sizes come from the central directory, because the local headers of PyTorch leave them to a data descriptor.
 */
import { crc32 } from "node:zlib";
import type { ByteSource } from "./byte-source.ts";
import { invalid, quote, unsupported } from "./errors.ts";

export interface ZipEntry {
  readonly name: string;
  /** Where the local header stands; the data follow it. */
  readonly headerOffset: number;
  readonly bytes: number;
  /** CRC-32 of the data; 0 when the writer was told not to compute it. */
  readonly checksum: number;
}

const endBytes = 22;
const longestComment = 0xffff;
const locatorBytes = 20;
const end64Bytes = 56;
const localHeaderBytes = 30;
const entryBytes = 46;

// 50,000 tensors have a directory of 6 MB.
const largestDirectory = 256_000_000;

/** The entries by name. */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, bytes, entries } = await findDirectory(source);
  if (bytes > largestDirectory)
    throw invalid(source.name, `its directory has ${bytes} bytes, the limit is ${largestDirectory}`);
  const directory = await source.read(offset, bytes);
  const found = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < entries; i++) {
    const { entry, next } = decodeEntry(source.name, directory, at);
    if (found.has(entry.name)) throw invalid(source.name, `two entries are called ${quote(entry.name)}`);
    if (entry.headerOffset + localHeaderBytes + entry.bytes > offset) {
      throw invalid(source.name, `the entry ${quote(entry.name)} reaches into the directory`);
    }
    found.set(entry.name, entry);
    at = next;
  }
  if (at !== bytes)
    throw invalid(source.name, `its directory has ${bytes - at} bytes more than its ${entries} entries`);
  return found;
}

/** Where the data of an entry start. Reads the local header, whose name must agree with the directory's. */
export async function findEntryData(source: ByteSource, entry: ZipEntry): Promise<number> {
  const header = view(await source.read(entry.headerOffset, localHeaderBytes));
  if (header.getUint32(0, true) !== 0x04034b50) {
    throw invalid(source.name, `there is no entry where the directory puts ${quote(entry.name)}`);
  }
  const nameBytes = header.getUint16(26, true);
  const dataOffset = entry.headerOffset + localHeaderBytes + nameBytes + header.getUint16(28, true);
  const name = decodeName(source.name, await source.read(entry.headerOffset + localHeaderBytes, nameBytes));
  if (name !== entry.name) {
    throw invalid(source.name, `the entry ${quote(entry.name)} calls itself ${quote(name)}`);
  }
  return dataOffset;
}

/** All data of an entry, compared with its checksum. */
export async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  const bytes = await source.read(await findEntryData(source, entry), entry.bytes);
  checkSum(source.name, entry, bytes);
  return bytes;
}

export function checkSum(file: string, entry: ZipEntry, bytes: Uint8Array): void {
  // torch.serialization.set_crc32_options(False) leaves zeros, and torch.load never looks.
  if (entry.checksum === 0 || crc32(bytes) === entry.checksum) return;
  throw invalid(file, `the data of ${quote(entry.name)} do not have the checksum of the directory`);
}

async function findDirectory(source: ByteSource) {
  const tailBytes = Math.min(source.size, endBytes + longestComment);
  const tail = await source.read(source.size - tailBytes, tailBytes);
  const numbers = view(tail);
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    if (numbers.getUint32(at, true) !== 0x06054b50) continue;
    if (numbers.getUint16(at + 20, true) !== tailBytes - endBytes - at) continue;
    const position = source.size - tailBytes + at;
    const plain = {
      disks: numbers.getUint16(at + 4, true) + numbers.getUint16(at + 6, true),
      entries: numbers.getUint16(at + 10, true),
      bytes: numbers.getUint32(at + 12, true),
      offset: numbers.getUint32(at + 16, true),
    };
    const needs64 = plain.entries === 0xffff || plain.bytes === 0xffffffff || plain.offset === 0xffffffff;
    const found = (await findDirectory64(source, position)) ?? (needs64 ? undefined : { ...plain, end: position });
    if (found === undefined) throw invalid(source.name, "its zip64 directory is missing");
    if (found.disks !== 0) throw unsupported(source.name, "a zip archive in several parts", "join the parts first");
    if (found.offset + found.bytes > found.end) throw invalid(source.name, "its directory reaches beyond its end");
    if (found.entries * entryBytes > found.bytes) {
      throw invalid(source.name, `its directory of ${found.bytes} bytes cannot hold ${found.entries} entries`);
    }
    return found;
  }
  throw invalid(source.name, "no directory of a zip archive at its end");
}

async function findDirectory64(source: ByteSource, end: number) {
  if (end < locatorBytes) return undefined;
  const locator = view(await source.read(end - locatorBytes, locatorBytes));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const position = toNumber(source.name, locator.getBigUint64(8, true));
  const record = view(await source.read(position, end64Bytes));
  if (record.getUint32(0, true) !== 0x06064b50) {
    throw invalid(source.name, "there is no zip64 directory where its locator points");
  }
  return {
    disks: record.getUint32(16, true) + record.getUint32(20, true),
    entries: toNumber(source.name, record.getBigUint64(32, true)),
    bytes: toNumber(source.name, record.getBigUint64(40, true)),
    offset: toNumber(source.name, record.getBigUint64(48, true)),
    end: position,
  };
}

function decodeEntry(file: string, directory: Uint8Array, at: number): { entry: ZipEntry; next: number } {
  if (at + entryBytes > directory.length) throw invalid(file, "its directory is cut short");
  const numbers = view(directory.subarray(at));
  if (numbers.getUint32(0, true) !== 0x02014b50) throw invalid(file, "its directory has an entry without a signature");
  const nameBytes = numbers.getUint16(28, true);
  const extraBytes = numbers.getUint16(30, true);
  const extraAt = at + entryBytes + nameBytes;
  const next = extraAt + extraBytes + numbers.getUint16(32, true);
  if (next > directory.length) throw invalid(file, "its directory is cut short");
  const name = decodeName(file, directory.subarray(at + entryBytes, extraAt));
  if ((numbers.getUint16(8, true) & 1) !== 0) {
    throw unsupported(file, `the entry ${quote(name)} is encrypted`, "decrypt the archive first");
  }
  if (numbers.getUint16(10, true) !== 0) {
    throw unsupported(file, `the entry ${quote(name)} is compressed`, "PyTorch stores its entries: save it again");
  }
  const sizes = {
    bytes: numbers.getUint32(24, true),
    packed: numbers.getUint32(20, true),
    headerOffset: numbers.getUint32(42, true),
  };
  widen(file, name, sizes, directory.subarray(extraAt, extraAt + extraBytes));
  if (sizes.packed !== sizes.bytes) {
    throw invalid(file, `the stored entry ${quote(name)} has ${sizes.packed} and ${sizes.bytes} bytes`);
  }
  const { bytes, headerOffset } = sizes;
  return { entry: { name, headerOffset, bytes, checksum: numbers.getUint32(16, true) }, next };
}

/** Replaces the sizes that are all ones by those of the zip64 field, which holds just these, in this order. */
function widen(
  file: string,
  name: string,
  sizes: { bytes: number; packed: number; headerOffset: number },
  extra: Uint8Array,
): void {
  const wanted = (["bytes", "packed", "headerOffset"] as const).filter((key) => sizes[key] === 0xffffffff);
  if (wanted.length === 0) return;
  const fields = view(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = fields.getUint16(at + 2, true);
    if (fields.getUint16(at, true) === 1) {
      if (length < 8 * wanted.length || at + 4 + length > extra.length) break;
      wanted.forEach((key, i) => {
        sizes[key] = toNumber(file, fields.getBigUint64(at + 4 + 8 * i, true));
      });
      return;
    }
    at += 4 + length;
  }
  throw invalid(file, `the entry ${quote(name)} lacks its zip64 sizes`);
}

function decodeName(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(file, "the name of an entry is not UTF-8 text");
  }
}

function toNumber(file: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalid(file, `a size or place of ${value} bytes`);
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
