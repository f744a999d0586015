/** Caches on machine code: many rows and keys against the reference, and writing in place. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import { type Tensor, trace } from "../../graph/builder.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../graph/dtype.ts";
import { cacheAttention, cacheWrite } from "../../ops/cache.ts";
import type { Backend } from "../contract.ts";
import { referenceBackend } from "../reference/index.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { onnxruntimeBackend } from "./index.ts";

interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly G: number;
  readonly S: number;
  readonly D: number;
}

const random = createRandom(3);
const normal = (...shape: readonly number[]): HostTensor => {
  const count = shape.reduce((product, size) => product * size, 1);
  return hostTensor("float32", shape, random.normalArray(count));
};

/** Feeds texts of these lengths one after another, as generation does, and returns the results and the cache. */
async function generate(backend: Backend, { B, H, G, S, D }: Sizes, fed: readonly Record<string, HostTensor>[]) {
  const biased = fed[0]!.bias;
  const graph = trace((builder) => {
    const spec = { dtype: "float32" as const, shape: [B, G, S, D] };
    const cache = builder.state("cache", { key: spec, value: spec }) as { key: Tensor; value: Tensor };
    const q = builder.input("q", "float32", [B, H, "T", D]);
    const k = builder.input("k", "float32", [B, G, "T", D]);
    const v = builder.input("v", "float32", [B, G, "T", D]);
    const start = builder.input("start", "int64", [1]);
    const bias = biased === undefined ? {} : { bias: builder.input("bias", "float32", [biased.shape[0]!, 1, "T", S]) };
    const [keys, values] = [cacheWrite(cache.key, k, start), cacheWrite(cache.value, v, start)];
    builder.output("y", cacheAttention(q, keys, values, start, bias));
    builder.assign(cache.key, keys);
    builder.assign(cache.value, values);
  });
  const program = await backend.compile(graph);
  // Rows that were not written must not be seen, not even as 0 · NaN.
  for (const name of ["cache.key", "cache.value"]) {
    program.writeState(name, hostTensor("float32", [B, G, S, D], new Float32Array(B * G * S * D).fill(Number.NaN)));
  }
  const results: number[][] = [];
  for (const inputs of fed) results.push(toNumbers((await program.run(inputs)).y!));
  const cache = ["cache.key", "cache.value"].map((name) => toNumbers(program.readState(name)));
  await program.dispose();
  return { results, cache };
}

describe.skipIf(!supportsAvx512())("machine code", () => {
  test.each<[Sizes, number[], "none" | "shared" | "batch"]>([
    [{ B: 1, H: 16, G: 2, S: 200, D: 64 }, [70, 1, 1, 33, 1], "none"],
    [{ B: 2, H: 6, G: 3, S: 100, D: 32 }, [37, 1, 1, 16, 45], "none"],
    [{ B: 1, H: 5, G: 1, S: 90, D: 128 }, [1, 89], "none"],
    [{ B: 3, H: 4, G: 4, S: 50, D: 32 }, [17, 1, 32], "batch"],
    [{ B: 2, H: 4, G: 1, S: 64, D: 64 }, [20, 1, 43], "shared"],
  ])("%j, texts of %j tokens, bias: %s", async (sizes, lengths, bias) => {
    const { B, H, G, S, D } = sizes;
    let start = 0;
    const fed = lengths.map((T) => {
      const rows = { q: normal(B, H, T, D), k: normal(B, G, T, D), v: normal(B, G, T, D) };
      const inputs = {
        ...rows,
        start: hostTensor("int64", [1], [start]),
        ...(bias === "none" ? {} : { bias: normal(bias === "batch" ? B : 1, 1, T, S) }),
      };
      start += T;
      return inputs;
    });
    const got = await generate(onnxruntimeBackend({ threads: 2 }), sizes, fed);
    const wanted = await generate(referenceBackend(), sizes, fed);
    wanted.results.forEach((values, i) => {
      const error = values.reduce((worst, value, k) => Math.max(worst, Math.abs(value - got.results[i]![k]!)), 0);
      expect(got.results[i]).toHaveLength(values.length);
      expect(error).toBeLessThan(3e-6);
    });
    expect(got.cache).toEqual(wanted.cache);
  });
});
