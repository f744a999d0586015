/** Rows added to rows of a table in machine code: repeated indices, both index types, in place and not. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import { hostTensor, mul, scatterAdd, toNumbers, trace } from "../../index.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { onnxruntimeBackend } from "./index.ts";

describe.skipIf(!supportsAvx512())("scatterAdd in machine code", () => {
  test.each([
    [50, 64, 200, "int32", true],
    [7, 192, 300, "int64", true],
    [300, 128, 1, "int32", false],
    [1000, 256, 90, "int64", false],
  ] as const)("%d × %d, %d rows, %s, in place: %s", async (rows, columns, count, dtype, inPlace) => {
    const graph = trace((builder) => {
      const x = builder.input("x", "float32", [rows, columns]);
      const ids = builder.input("ids", dtype, [count]);
      const updates = builder.input("updates", "float32", [count, columns]);
      builder.output("y", scatterAdd(inPlace ? mul(x, 2) : x, ids, updates));
    });
    const random = createRandom(rows);
    const x = random.normalArray(rows * columns);
    const updates = random.normalArray(count * columns);
    const ids = Array.from({ length: count }, () => Math.floor(random.uniform() * rows));
    const want = Float32Array.from(x, (value) => (inPlace ? 2 * value : value));
    ids.forEach((id, i) => {
      for (let c = 0; c < columns; c++) want[id * columns + c]! += updates[i * columns + c]!;
    });
    const program = await onnxruntimeBackend().compile(graph);
    const fed = {
      x: hostTensor("float32", [rows, columns], x),
      ids: hostTensor(dtype, [count], ids),
      updates: hostTensor("float32", [count, columns], updates),
    };
    for (let run = 0; run < 2; run++) expect(toNumbers((await program.run(fed)).y!)).toEqual([...want]);
    const wrong = { ...fed, ids: hostTensor(dtype, [count], ids.with(0, rows)) };
    await expect(program.run(wrong)).rejects.toThrow();
    await program.dispose();
  });
});
