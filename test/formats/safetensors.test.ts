/** Real files of PyTorch and Hugging Face writers: they parse, and writing them again gives the same bytes. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import {
  openSafetensors,
  parseSafetensors,
  type SafeTensor,
  writeSafetensors,
  writeShardedSafetensors,
} from "../../src/formats/safetensors/index.ts";

const golden = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));
const files = existsSync(golden)
  ? readdirSync(golden, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".safetensors"))
  : [];
const scratch = mkdtempSync(join(tmpdir(), "congling-golden-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Compares bytes at once: walking arrays element by element takes a test runner half a minute. */
function expectSame(got: SafeTensor, wanted: SafeTensor): void {
  const { data, ...info } = got;
  expect(info).toEqual({ name: wanted.name, dtype: wanted.dtype, shape: wanted.shape });
  expect(data.constructor).toBe(wanted.data.constructor);
  expect(Buffer.compare(bytes(data), bytes(wanted.data))).toBe(0);
}

const bytes = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe.skipIf(files.length === 0)("golden safetensors", () => {
  it.each(files)("%s: reading in memory, reading from disk and writing agree", async (name) => {
    const original = readFileSync(join(golden, name));
    const { tensors, metadata } = parseSafetensors(original, name);
    expect(tensors.size).toBeGreaterThan(0);
    const file = await openSafetensors(join(golden, name));
    expect(file.names).toEqual([...tensors.keys()]);
    for (const tensor of tensors.values()) expectSame(await file.read(tensor.name), tensor);
    await file.close();
    const copy = join(scratch, "copy.safetensors");
    await writeSafetensors(copy, [...tensors.values()].reverse(), { metadata });
    const again = parseSafetensors(readFileSync(copy));
    expect(again.metadata).toEqual(metadata);
    expect([...again.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const tensor of tensors.values()) expectSame(again.tensors.get(tensor.name)!, tensor);
    // The reference writes no space after a colon; the headers of make_thudm.py do not come from it.
    const isFromReference = !original.subarray(0, 200).includes('": ');
    if (isFromReference) expect(Buffer.compare(readFileSync(copy), original)).toBe(0);
    rmSync(copy);
  });

  it("holds enough files of the reference library for the byte comparison to mean something", () => {
    const isCompact = (name: string) => !readFileSync(join(golden, name)).subarray(0, 200).includes('": ');
    expect(files.filter(isCompact).length).toBeGreaterThan(20);
  });

  it("a model survives being sharded", async () => {
    const { tensors, metadata } = parseSafetensors(readFileSync(join(golden, "glm-tiny", "model.safetensors")));
    const written = await writeShardedSafetensors(scratch, tensors.values(), { maxShardBytes: 200_000, metadata });
    expect(written.length).toBeGreaterThan(3);
    const model = await openSafetensors(scratch);
    for (const tensor of tensors.values()) expectSame(await model.read(tensor.name), tensor);
    expect(model.names.length).toBe(tensors.size);
    await model.close();
  });
});
