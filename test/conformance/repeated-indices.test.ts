/**
 * The case that onnxruntime's ScatterND gets wrong with several threads: 4,096 rows added onto few ids loses updates in
 * most runs. Our lowering uses another kernel; fifty runs must all give the exact sums.
 */
import { describe, expect, test } from "vitest";
import { scatterAdd, trace } from "../../src/engine/index.ts";
import { testedBackends } from "../../src/engine/testing/backends.ts";
import { createRandom } from "../../src/support/random.ts";

const [rows, ids, channels, runs] = [4096, 7, 64, 50];

describe.each(await testedBackends())("$name", ({ name, backend }) => {
  test.skipIf(backend === undefined)(`${name}: ${runs} times ${rows} rows onto ${ids} ids`, async () => {
    const graph = trace((builder) => {
      const table = builder.input("table", "float32", [ids, channels]);
      const indices = builder.input("indices", "int32", [rows]);
      const updates = builder.input("updates", "float32", [rows, channels]);
      builder.output("sums", scatterAdd(table, indices, updates));
    });
    const random = createRandom(11);
    // Small whole numbers: float32 adds them exactly in any order.
    const whole = (count: number) => Float32Array.from({ length: count }, () => random.integer(9) - 4);
    const table = whole(ids * channels);
    const indices = Int32Array.from({ length: rows }, () => random.integer(ids));
    const updates = whole(rows * channels);
    const wanted = Float64Array.from(table);
    updates.forEach((value, i) => {
      wanted[indices[Math.floor(i / channels)]! * channels + (i % channels)]! += value;
    });
    const program = await backend!.compile(graph);
    for (let run = 0; run < runs; run++) {
      const { sums } = await program.run({
        table: { dtype: "float32", shape: [ids, channels], data: table },
        indices: { dtype: "int32", shape: [rows], data: indices },
        updates: { dtype: "float32", shape: [rows, channels], data: updates },
      });
      expect(Array.from(sums!.data as Float32Array), `run ${run + 1}`).toEqual(Array.from(wanted));
    }
    await program.dispose();
  });
});
