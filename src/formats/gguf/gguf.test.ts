import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CongError } from "../../support/errors.ts";
import { blockCodecOf } from "../blocks/index.ts";
import { encodeGguf, type GgufTensorSource, type GgufValue, ggufValue, openGguf, parseGguf } from "./index.ts";

const { text, texts, uint32, float32s, bool } = ggufValue;

const everyType: [string, GgufValue][] = [
  ["general.architecture", text("llama")],
  ["u8", { type: "uint8", value: 255 }],
  ["i8", { type: "int8", value: -128 }],
  ["u16", { type: "uint16", value: 65535 }],
  ["i16", { type: "int16", value: -32768 }],
  ["u32", uint32(4294967295)],
  ["i32", { type: "int32", value: -(2 ** 31) }],
  ["f32", { type: "float32", value: Math.fround(0.1) }],
  ["flag", bool(true)],
  ["u64", { type: "uint64", value: 2n ** 64n - 1n }],
  ["i64", { type: "int64", value: -(2n ** 63n) }],
  ["f64", { type: "float64", value: Math.PI }],
  ["words", texts(["从零", "", "🚀"])],
  ["scores", float32s(Float32Array.of(1, -2.5))],
  ["none", float32s(new Float32Array(0))],
  ["flags", { type: "array", of: "bool", value: [true, false] }],
  ["longs", { type: "array", of: "int64", value: BigInt64Array.of(-1n, 1n) }],
  ["bytes", { type: "array", of: "uint8", value: Uint8Array.of(1, 2, 3) }],
];

function tensor(name: string, shape: number[], type: "f32" | "q8_0" | "f16" = "f32"): GgufTensorSource {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
  return { name, shape, type, data: () => blockCodecOf(type).encode(values) };
}

const encode = (metadata: [string, GgufValue][], tensors: GgufTensorSource[] = []) =>
  encodeGguf(new Map(metadata), tensors);

/** A file by the letter of ggml/docs/gguf.md: one uint32 value, one f32 tensor "w" of ggml sizes {2, 1}. */
function byHand(change: (view: DataView, bytes: Uint8Array) => void = () => {}, length = 104): Uint8Array {
  const bytes = new Uint8Array(104);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at);
  put(0, "GGUF");
  view.setUint32(4, 3, true);
  view.setBigUint64(8, 1n, true); // tensors
  view.setBigUint64(16, 1n, true); // metadata values
  view.setBigUint64(24, 1n, true);
  put(32, "k");
  view.setUint32(33, 4, true); // uint32
  view.setUint32(37, 7, true);
  view.setBigUint64(41, 1n, true);
  put(49, "w");
  view.setUint32(50, 2, true); // sizes
  view.setBigUint64(54, 2n, true);
  view.setBigUint64(62, 1n, true);
  view.setUint32(70, 0, true); // f32
  view.setBigUint64(74, 0n, true); // offset
  view.setFloat32(96, 1.5, true);
  view.setFloat32(100, -2, true);
  change(view, bytes);
  return bytes.subarray(0, length);
}

const codeOf = (bytes: Uint8Array): unknown => {
  try {
    parseGguf(bytes);
    return "no error";
  } catch (error) {
    return CongError.is(error) ? error.code : error;
  }
};

describe("GGUF", () => {
  it("reads a file written by hand, versions 2 and 3", async () => {
    for (const version of [2, 3]) {
      const file = parseGguf(byHand((view) => view.setUint32(4, version, true)));
      expect(file.version).toBe(version);
      expect([...file.metadata]).toEqual([["k", uint32(7)]]);
      expect(file.tensors).toEqual([{ name: "w", type: "f32", shape: [1, 2] }]);
      expect([...(await file.readAsFloat32("w"))]).toEqual([1.5, -2]);
    }
  });

  it("writes and reads every value type, and tensors on their alignment", async () => {
    const bytes = await encode(everyType, [
      tensor("a", [3]),
      tensor("b", [2, 64], "q8_0"),
      tensor("c", [2, 1, 3], "f16"),
    ]);
    const file = parseGguf(bytes);
    expect([...file.metadata]).toEqual(everyType);
    expect(file.tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ["a", [3]],
      ["b", [2, 64]],
      ["c", [2, 1, 3]],
    ]);
    expect([...(await file.readAsFloat32("a"))]).toEqual([0, 1, 2]);
    expect([...(await file.readAsFloat32("c"))]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await file.read("b")).toEqual(blockCodecOf("q8_0").encode(Float32Array.from({ length: 128 }, (_, i) => i)));
    expect(bytes.length % 32).toBe(0);
  });

  it("honours another alignment", async () => {
    const file = parseGguf(await encode([["general.alignment", uint32(256)]], [tensor("a", [3]), tensor("b", [3])]));
    expect([...(await file.readAsFloat32("b"))]).toEqual([0, 1, 2]);
  });

  it("opens a file whose header is larger than the first read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gguf-"));
    try {
      const path = join(folder, "large.gguf");
      const words = Array.from({ length: 60_000 }, (_, i) => `token-${i}-${"x".repeat(20)}`);
      await writeFile(path, await encode([["words", texts(words)]], [tensor("a", [5])]));
      const file = await openGguf(path);
      expect(file.metadata.get("words")?.value).toEqual(words);
      expect([...(await file.readAsFloat32("a"))]).toEqual([0, 1, 2, 3, 4]);
      await file.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["another magic", byHand((_, bytes) => bytes.set([71, 71, 77, 76])), /does not begin with "GGUF"/],
    ["version 1", byHand((view) => view.setUint32(4, 1, true)), /version 1; versions 2 and 3/],
    ["big-endian", byHand((view) => view.setUint32(4, 3, false)), /big-endian/],
    ["cut in the header", byHand(undefined, 60), /the file has/],
    ["cut in the data", byHand(undefined, 100), /tensor "w" ends at byte 104, the file has only 100/],
    [
      "tensors beyond the file",
      byHand((view) => view.setBigUint64(8, 2n ** 40n, true)),
      /number of tensors is 1099511627776/,
    ],
    ["a count beyond 2^53", byHand((view) => view.setBigUint64(16, 2n ** 60n, true)), /which no file can hold/],
    ["a key beyond the file", byHand((view) => view.setBigUint64(24, 1000n, true)), /length of metadata key 0 is 1000/],
    ["an unknown value type", byHand((view) => view.setUint32(33, 13, true)), /unknown value type 13/],
    ["an unknown tensor type", byHand((view) => view.setUint32(70, 4, true)), /unknown type 4/],
    ["five sizes", byHand((view) => view.setUint32(50, 5, true)), /5 sizes/],
    [
      "sizes that overflow",
      byHand((view) => view.setBigUint64(62, 2n ** 52n, true)),
      /no whole number of blocks or bytes/,
    ],
    ["rows that are not blocks", byHand((view) => view.setUint32(70, 8, true)), /no whole number of blocks/],
    ["another offset", byHand((view) => view.setBigUint64(74, 32n, true)), /starts at 32, wanted 0/],
    ["text that is not UTF-8", byHand((_, bytes) => bytes.set([0xff], 32)), /not UTF-8/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseGguf(bytes)).toThrow(message);
    expect(codeOf(bytes)).toBe("GGUF_INVALID");
  });

  it("refuses repeated names and keys, a truth value of 2, trailing bytes, unknown names", async () => {
    const twice = await encode([
      ["one", bool(true)],
      ["two", bool(true)],
    ]);
    twice.set(new TextEncoder().encode("one"), twice.indexOf(116)); // "two" becomes "one"
    expect(() => parseGguf(twice)).toThrow(/"one" occurs twice/);
    const flag = await encode([["f", bool(true)]]);
    flag[flag.lastIndexOf(1)] = 2;
    expect(() => parseGguf(flag)).toThrow(/truth value of 2/);
    expect(() => parseGguf(Buffer.concat([byHand(), new Uint8Array(32)]))).toThrow(/32 bytes after the last tensor/);
    expect(() => parseGguf(byHand()).info("v")).toThrow(/unknown tensor in GGUF bytes "v"/);
    await expect(openGguf("/nowhere/x.gguf")).rejects.toThrow(/cannot read/);
  });

  it("refuses to write what the format or ggml cannot hold", async () => {
    await expect(encode([], [tensor("a", [2]), tensor("a", [2])])).rejects.toThrow(/occurs twice/);
    await expect(encode([], [tensor("x".repeat(64), [2])])).rejects.toThrow(/longer than 63 bytes/);
    await expect(encode([], [tensor("a", [1, 1, 1, 1, 2])])).rejects.toThrow(/5 sizes/);
    await expect(encode([], [{ ...tensor("a", [2]), shape: [3] }])).rejects.toThrow(/needs 12 bytes, got 8/);
    await expect(encode([["k", uint32(-1)]])).rejects.toThrow(/k is -1, which does not fit in uint32/);
    await expect(encode([["k", { type: "uint64", value: 3 } as never]])).rejects.toThrow(/takes a bigint/);
    await expect(encode([["k", text("\ud800")]])).rejects.toThrow(/not valid Unicode/);
    await expect(encode([["general.alignment", uint32(3)]])).rejects.toThrow(/power of two/);
  });
});
