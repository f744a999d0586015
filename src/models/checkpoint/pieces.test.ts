import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HostTensor } from "../../engine/index.ts";
import { type TensorSource, writeSafetensors } from "../../formats/index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openCheckpoint } from "./open.ts";
import { runsOf } from "./pieces.ts";
import { renamed } from "./renamed.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pieces-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const [rows, columns] = [1100, 1024]; // a little more than two pieces of halves
const halves = Uint16Array.from({ length: rows * columns }, (_, i) => i % 30_000);
const codes = Int8Array.from({ length: rows * columns }, (_, i) => i % 251);
const scales = Float32Array.from({ length: rows }, (_, i) => i % 7);
const tensors: TensorSource[] = [
  { name: "plain", dtype: "F16", shape: [rows, columns], data: halves },
  { name: "coded", dtype: "I8", shape: [rows, columns], data: codes },
  { name: "coded_scale", dtype: "F32", shape: [rows], data: scales },
];

async function open(): Promise<Checkpoint> {
  writeFileSync(join(folder, "config.json"), '{"model_type": "toy", "quantization_bit": 8}');
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return openCheckpoint(folder);
}

/** Pieces one after the other, copied before the next is asked for. */
async function joined(checkpoint: Checkpoint, name: string, range?: { from: number; to: number }) {
  const sizes: number[] = [];
  const bytes: Buffer[] = [];
  for await (const { shape, data } of checkpoint.pieces!(name, range)) {
    expect(shape[1]).toBe(columns);
    sizes.push(shape[0]!);
    bytes.push(Buffer.from(bytesOf(data)));
  }
  return { sizes, bytes: Buffer.concat(bytes) };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: HostTensor["data"]) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Whether the bytes are those of rows of a tensor; comparing millions of numbers one by one takes seconds. */
const areRows = (bytes: Buffer, { data }: HostTensor, from = 0, to = rows) =>
  bytes.equals(bytesOf((data as Float32Array).subarray(from * columns, to * columns)));

describe("a matrix in pieces", () => {
  it("is the matrix, in runs of whole groups of sixteen rows", async () => {
    const checkpoint = await open();
    const { sizes, bytes } = await joined(checkpoint, "plain");
    expect(sizes).toEqual([512, 512, 76]);
    expect(areRows(bytes, await checkpoint.read("plain"))).toBe(true);
    await checkpoint.close();
  });

  it("gives the rows asked for, also under another name and of quantised weights", async () => {
    const checkpoint = await open();
    const shown = renamed(checkpoint, new Map([["part", { tensor: "plain", from: 5, to: 905 }]]), {});
    const plain = await checkpoint.read("plain");
    expect(areRows((await joined(shown, "part")).bytes, plain, 5, 905)).toBe(true);
    expect(areRows((await joined(shown, "part", { from: 10, to: 20 })).bytes, plain, 15, 25)).toBe(true);
    const coded = await joined(checkpoint, "coded", { from: 3, to: 1003 });
    expect(coded.sizes.length).toBeGreaterThan(1);
    expect(areRows(coded.bytes, await checkpoint.read("coded"), 3, 1003)).toBe(true);
    await checkpoint.close();
  });

  it("may be left early: the file can be closed, and nothing is left unhandled", async () => {
    const checkpoint = await open();
    for await (const piece of checkpoint.pieces!("plain")) {
      expect(piece.shape[0]).toBe(512);
      break;
    }
    await checkpoint.close();
  });
});

it("rows wider than a piece come sixteen at a time; no rows, no pieces", () => {
  expect(runsOf({ from: 4, to: 40 }, 1e9)).toEqual([
    { from: 4, to: 20 },
    { from: 20, to: 36 },
    { from: 36, to: 40 },
  ]);
  expect(runsOf({ from: 7, to: 7 }, 10)).toEqual([]);
});
