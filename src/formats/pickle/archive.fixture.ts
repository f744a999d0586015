/** For tests: zip archives of stored entries, and pickles put together by hand. */
import { crc32 } from "node:zlib";

export interface ArchiveOptions {
  /** Write sizes and places in zip64 fields, as for archives above 4 GB. */
  readonly zip64?: boolean;
  /** Added at the end; counted in the directory. */
  readonly comment?: string;
  /** Checksums of 0, as PyTorch writes on request. */
  readonly noChecksums?: boolean;
}

/** A zip archive with these entries. */
export function archive(entries: Readonly<Record<string, Uint8Array>>, options: ArchiveOptions = {}): Uint8Array {
  const { zip64 = false, comment = "", noChecksums = false } = options;
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(entries)) {
    const nameBytes = Buffer.from(name);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(nameBytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(noChecksums ? 0 : crc32(data), 16);
    const sizes = [data.length, data.length];
    for (const [i, size] of sizes.entries()) entry.writeUInt32LE(zip64 ? 0xffffffff : size, 20 + 4 * i);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt16LE(zip64 ? 28 : 0, 30);
    entry.writeUInt32LE(zip64 ? 0xffffffff : offset, 42);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      for (const [i, size] of [...sizes, offset].entries()) extra.writeBigUInt64LE(BigInt(size), 4 + 8 * i);
    }
    local.push(header, nameBytes, Buffer.from(data));
    central.push(entry, nameBytes, extra);
    offset += 30 + nameBytes.length + data.length;
  }
  const directory = Buffer.concat(central);
  const count = Object.keys(entries).length;
  const end64 = Buffer.alloc(zip64 ? 76 : 0);
  if (zip64) {
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(BigInt(count), 32);
    end64.writeBigUInt64LE(BigInt(directory.length), 40);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(offset + directory.length), 64);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : directory.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return new Uint8Array(Buffer.concat([...local, directory, end64, end, Buffer.from(comment)]));
}

/** Bytes from opcodes and arguments: strings are ASCII, numbers single bytes. */
export const assemble = (...parts: (string | number | Uint8Array)[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part as string & Uint8Array))),
    ),
  );

/** BINUNICODE. */
export const text = (value: string): Uint8Array => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return assemble("X", length, bytes);
};

/** BININT. */
export const integer = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return assemble("J", bytes);
};

export interface TensorParts {
  readonly storage?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
}

/** Opcodes of `_rebuild_tensor_v2` on a float storage "0" of 6 elements; by default [2, 3], row-major. */
export function tensorOpcodes(parts: TensorParts = {}): Uint8Array {
  const { storage = "torch\nFloatStorage\n", elements = 6, offset = 0, shape = [2, 3], strides = [3, 1] } = parts;
  const tuple = (numbers: readonly number[]) => assemble("(", ...numbers.map(integer), "t");
  const id = assemble("(", text("storage"), `c${storage}`, text("0"), text("cpu"), integer(elements), "tQ");
  const call = "ctorch._utils\n_rebuild_tensor_v2\n";
  return assemble(call, "(", id, integer(offset), tuple(shape), tuple(strides), 0x89, "}tR");
}

/** A checkpoint with one tensor "x" from the opcodes given, and the floats 0 … 5 as its storage. */
export const checkpointOf = (opcodes: Uint8Array, more: Readonly<Record<string, Uint8Array>> = {}): Uint8Array =>
  archive({
    "archive/data.pkl": assemble(0x80, 2, "}", text("x"), opcodes, "s."),
    "archive/data/0": new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer),
    ...more,
  });
