import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SafeTensor } from "./dtypes.ts";
import { openSafetensors } from "./open.ts";
import { parseSafetensors } from "./parse.ts";
import { referenceFile } from "./reference-file.fixture.ts";
import { encodeSafetensors, writeSafetensors } from "./write.ts";
import { writeShardedSafetensors } from "./write-sharded.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-safetensors-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const f32 = (name: string, ...values: number[]): SafeTensor<"F32"> => ({
  name,
  dtype: "F32",
  shape: [values.length],
  data: Float32Array.from(values),
});

describe("writing", () => {
  it("gives the bytes of the reference library, whatever the order of the tensors", async () => {
    const { tensors, metadata } = parseSafetensors(referenceFile);
    const shuffled = [...tensors.values()].reverse();
    expect(Buffer.compare(encodeSafetensors(shuffled, { metadata }), referenceFile)).toBe(0);
    const path = join(folder, "a.safetensors");
    await writeSafetensors(path, shuffled, { metadata });
    expect(Buffer.compare(readFileSync(path), referenceFile)).toBe(0);
    expect(readdirSync(folder)).toEqual(["a.safetensors"]);
  });

  it("pads the empty file to eight bytes, as the reference does", () => {
    expect([...encodeSafetensors([])]).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 123, 125, 32, 32, 32, 32, 32, 32]);
  });

  it("asks lazy tensors one after the other, in the order of the file", async () => {
    const asked: string[] = [];
    const lazy = (name: string, value: number) => ({
      ...f32(name, value),
      data: async () => {
        asked.push(name);
        return Float32Array.of(value);
      },
    });
    await writeSafetensors(join(folder, "a.safetensors"), [lazy("b", 2), lazy("a", 1)]);
    expect(asked).toEqual(["a", "b"]);
    const { tensors } = parseSafetensors(readFileSync(join(folder, "a.safetensors")));
    expect(tensors.get("b")!.data).toEqual(Float32Array.of(2));
  });

  it.each<[string, SafeTensor[], RegExp]>([
    ["a repeated name", [f32("a", 1), f32("a", 2)], /"a": the name occurs twice/],
    ["the reserved name", [f32("__metadata__", 1)], /reserved/],
    ["a lone surrogate", [f32("\ud800", 1)], /not valid Unicode/],
    ["the wrong class", [{ ...f32("a", 1), data: Float64Array.of(1) }], /F32 data is a Float64Array\n.*Float32Array/],
    ["too few elements", [{ ...f32("a", 1), shape: [2] }], /F32 \[2\] needs 8 bytes, got 4/],
    ["a negative size", [{ ...f32("a", 1), shape: [-1] }], /no byte count/],
  ])("refuses %s and leaves the old file", async (_, tensors, message) => {
    const path = join(folder, "a.safetensors");
    writeFileSync(path, "old");
    await expect(writeSafetensors(path, tensors)).rejects.toThrow(message);
    await expect(writeSafetensors(path, tensors)).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["a.safetensors"]);
  });

  it("writes __proto__ as a name", () => {
    const bytes = encodeSafetensors([f32("__proto__", 3)], { metadata: JSON.parse('{"__proto__":"x"}') });
    const { tensors, metadata } = parseSafetensors(bytes);
    expect(tensors.get("__proto__")!.data).toEqual(Float32Array.of(3));
    expect(Object.entries(metadata)).toEqual([["__proto__", "x"]]);
  });
});

describe("opening", () => {
  it("reads single tensors with their own aligned buffers", async () => {
    const path = join(folder, "odd.safetensors");
    // A header of odd length, which old writers produced: every offset in the file is unaligned.
    const json = new TextEncoder().encode('{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}');
    const bytes = new Uint8Array(8 + json.length + 8);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    view.setFloat64(8 + json.length, -1.25, true);
    expect(json.length % 8).not.toBe(0);
    writeFileSync(path, bytes);
    const file = await openSafetensors(path);
    expect(file.names).toEqual(["a"]);
    expect(await file.info("a")).toEqual({ name: "a", dtype: "F64", shape: [1] });
    const { data } = await file.read("a");
    expect(data).toEqual(Float64Array.of(-1.25));
    expect(data.buffer.byteLength).toBe(8);
    expect(await file.readAsFloat32("a")).toEqual(Float32Array.of(-1.25));
    await file.close();
    await file.close();
    await expect(file.read("a")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("suggests a tensor name, and names files that are missing or no model", async () => {
    await writeSafetensors(join(folder, "model.safetensors"), [f32("lm_head.weight", 1)]);
    const model = await openSafetensors(folder);
    await expect(model.read("lm_head.wieght")).rejects.toThrow(/did you mean "lm_head.weight"/);
    await model.close();
    await expect(openSafetensors(join(folder, "none"))).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
    rmSync(join(folder, "model.safetensors"));
    await expect(openSafetensors(folder)).rejects.toThrow(/no model.safetensors and no model.safetensors.index.json/);
  });

  it("refuses a file that is cut short, when opening and when it shrinks afterwards", async () => {
    const path = join(folder, "a.safetensors");
    const whole = encodeSafetensors([f32("a", 1, 2, 3)]);
    writeFileSync(path, whole.subarray(0, whole.length - 1));
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: "SAFETENSORS_INVALID" });
    writeFileSync(path, whole);
    const file = await openSafetensors(path);
    writeFileSync(path, whole.subarray(0, whole.length - 1));
    await expect(file.read("a")).rejects.toThrow(/"a": the file ends 1 bytes too early/);
    await file.close();
  });
});

describe("shards", () => {
  const tensors = [f32("b", 1, 2), f32("a", 3), f32("big", 4, 5, 6, 7), f32("c", 8), f32("__proto__", 9)];

  it("packs in the order given, writes the index, and reads back through it", async () => {
    const files = await writeShardedSafetensors(folder, tensors, { maxShardBytes: 12, metadata: { format: "pt" } });
    const names = [1, 2, 3].map((n) => `model-0000${n}-of-00003.safetensors`);
    expect(files).toEqual([...names, "model.safetensors.index.json"]);
    expect(readFileSync(join(folder, "model.safetensors.index.json"), "utf8")).toBe(`{
  "metadata": {
    "format": "pt",
    "total_size": 36
  },
  "weight_map": {
    "__proto__": "${names[2]}",
    "a": "${names[0]}",
    "b": "${names[0]}",
    "big": "${names[1]}",
    "c": "${names[2]}"
  }
}
`);
    const model = await openSafetensors(folder);
    expect(model.metadata).toEqual({ format: "pt", total_size: "36" });
    const read = await Promise.all(model.names.map((name) => model.read(name)));
    expect(read).toEqual(tensors.toSorted((x, y) => (x.name < y.name ? -1 : 1)));
    await model.close();
  });

  it("opens shards only when they are needed, and again after a failure", async () => {
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 12 });
    const second = join(folder, "model-00002-of-00003.safetensors");
    const bytes = readFileSync(second);
    rmSync(second);
    const model = await openSafetensors(folder);
    expect(await model.readAsFloat32("c")).toEqual(Float32Array.of(8));
    await expect(model.read("big")).rejects.toMatchObject({ code: "FILE_READ_FAILED" });
    writeFileSync(second, bytes);
    expect(await model.readAsFloat32("big")).toEqual(Float32Array.of(4, 5, 6, 7));
    await model.close();
  });

  it("replaces a model of another number of shards without leftovers, and keeps other files", async () => {
    writeFileSync(join(folder, "config.json"), "{}");
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 12 });
    await writeShardedSafetensors(folder, tensors);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 24 });
    expect(readdirSync(folder).sort()).toEqual([
      "config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
  });

  it("leaves the old model alone when a tensor fails", async () => {
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 12 });
    const before = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "hex")]);
    const failing = { ...f32("z", 0), data: () => Promise.reject(new Error("no data")) };
    await expect(writeShardedSafetensors(folder, [...tensors, failing], { maxShardBytes: 12 })).rejects.toThrow(
      /no data/,
    );
    await expect(writeShardedSafetensors(folder, [...tensors, f32("a", 1)])).rejects.toThrow(/"a" occurs twice/);
    expect(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "hex")])).toEqual(before);
  });

  it.each([
    ["outside the folder", { weight_map: { a: "../secret.safetensors" } }, /plain file name/],
    ["as an absolute path", { weight_map: { a: "/etc/passwd" } }, /plain file name/],
    ["as a number", { weight_map: { a: 1 } }, /plain file name/],
    ["nowhere", { metadata: {} }, /no weight_map/],
  ])("refuses an index that points %s", async (_, index, message) => {
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
    await expect(openSafetensors(folder)).rejects.toThrow(message);
  });

  it("says when the index and a shard disagree", async () => {
    await writeSafetensors(join(folder, "x.safetensors"), [f32("a", 1)]);
    writeFileSync(join(folder, "model.safetensors.index.json"), '{"weight_map":{"b":"x.safetensors"}}');
    const model = await openSafetensors(folder);
    await expect(model.info("b")).rejects.toThrow(/tensor "b": missing/);
    await model.close();
  });
});
