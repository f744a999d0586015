/** Masks of dropout: bit for bit the reference's on machine code, in plain ONNX ops and inside loops. */
import { describe, expect, test } from "vitest";
import { randomBits } from "../../../support/random.ts";
import { type Backend, hostTensor, toNumbers, trace } from "../../index.ts";
import { emit } from "../../ops/emit.ts";
import { dropoutMaskOp } from "../../ops/random.ts";
import { referenceBackend } from "../reference/index.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { onnxruntimeBackend } from "./index.ts";

interface Site {
  readonly shape: readonly number[];
  readonly stream: number;
  readonly rate: number;
}

const graphOf = (sites: readonly Site[]) =>
  trace((builder) => {
    const key = builder.input("key", "int64", [2]);
    sites.forEach((site, i) => {
      builder.output(`mask ${i}`, emit(dropoutMaskOp, [key], site));
    });
  });

async function masks(sites: readonly Site[], key: readonly [number, number], backend: Backend = onnxruntimeBackend()) {
  const program = await backend.compile(graphOf(sites));
  const results = await program.run({ key: hostTensor("int64", [2], key) });
  await program.dispose();
  return sites.map((_, i) => toNumbers(results[`mask ${i}`]!));
}

const keys = [
  [0, 0],
  [1, 7],
  [0xffff_ffff, 0x8000_0001],
] as const;

// Around every border of the code: words, vectors of 16 blocks, groups of 64, chunks of 2,048 blocks; odd and even.
const counts = [1, 2, 15, 31, 32, 33, 63, 95, 127, 128, 129, 255, 4095, 4096, 4097, 4160, 8191, 8192, 8321, 12_345];

describe.skipIf(!supportsAvx512())("dropout masks in machine code", () => {
  test.each(keys)("key %d, %d: every size as the counters on the host say", async (...key) => {
    const sites = counts.map((count, i): Site => ({ shape: [count], stream: [0, 5, 0xffff_fffe][i % 3]!, rate: 0.3 }));
    const found = await masks(sites, key);
    sites.forEach(({ shape, stream }, i) => {
      const words = randomBits(key, stream, shape[0]!);
      const scale = Math.fround(1 / (1 - 0.3));
      expect(found[i]).toEqual(Array.from(words, (word) => (word / 2 ** 32 < 0.3 ? 0 : scale)));
    });
  });

  test.each([1e-9, 0.1, 1 - 1e-9])("rate %d: as the reference and plain ONNX ops", async (rate) => {
    const sites = [
      [3, 5, 7],
      [4, 1, 600],
      [2, 4999],
    ].map((shape, stream): Site => ({ shape, stream, rate }));
    const found = await masks(sites, [3, 9]);
    expect(await masks(sites, [3, 9], onnxruntimeBackend({ fuse: false }))).toEqual(found);
    expect(await masks(sites, [3, 9], referenceBackend())).toEqual(found);
  });

  test("one op makes it", async () => {
    const shape = [64, 64];
    const program = await onnxruntimeBackend({ profile: true }).compile(graphOf([{ shape, stream: 0, rate: 0.1 }]));
    await program.run({ key: hostTensor("int64", [2], [1, 2]) });
    const ops = await program.profile();
    await program.dispose();
    expect(ops.map(({ kernel }) => kernel)).toEqual(["DropoutMask_64x64_0.1"]);
  });
});
