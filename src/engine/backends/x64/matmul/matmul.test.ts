import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../../support/random.ts";
import { supportsAvx512 } from "../avx512.ts";
import {
  encodeTable,
  type MatmulShape,
  mostOfBatchB,
  packedBytes,
  planMatmul,
  rowDistances,
  scratchBytes,
} from "./plan.ts";
import { createRoutines } from "./routines.ts";

const driverType = koffi.proto("void MatmulDriver(void *, uint64_t, void *)");

/** The product by machine code, one part after another. */
function multiply(
  shape: MatmulShape,
  a: Float32Array,
  b: Float32Array,
  addend = new Float32Array(1),
  c = new Float32Array(shape.batch * shape.rows * shape.columns).fill(Number.NaN),
): Float32Array {
  const packed = new Uint8Array(packedBytes);
  const { addressOf, driverAddress, release } = createRoutines();
  const run = koffi.decode(driverAddress(), driverType) as (...values: unknown[]) => void;
  for (const parts of planMatmul(shape)) {
    // Backwards: parts of a phase may run in any order.
    for (const entries of [...parts].reverse()) {
      const table = encodeTable(entries, addressOf);
      const scratch = new Uint8Array(scratchBytes);
      const pointers = [a, b, c, packed, scratch, rowDistances(shape), addend];
      const bases = BigUint64Array.from(pointers, (array) => BigInt(koffi.address(array)));
      run(table, BigInt(koffi.address(table)) + BigInt(table.byteLength), bases);
    }
  }
  release();
  return c;
}

function expected(shape: MatmulShape, a: Float32Array, b: Float32Array): Float64Array {
  const { rows, inner, columns, transposeA, transposeB, scale, batch } = shape;
  const c = new Float64Array(batch * rows * columns);
  for (let p = 0; p < batch; p++) {
    for (let m = 0; m < rows; m++) {
      for (let n = 0; n < columns; n++) {
        let total = 0;
        for (let k = 0; k < inner; k++) {
          const left = a[p * rows * inner + (transposeA ? k * rows + m : m * inner + k)]!;
          const right = b[p * inner * columns + (transposeB ? n * inner + k : k * columns + n)]!;
          total += left * right;
        }
        c[(p * rows + m) * columns + n] = total * scale;
      }
    }
  }
  return c;
}

const sizes = [
  [14, 8, 32],
  [1, 1, 16],
  [15, 300, 48],
  [33, 257, 80],
  [500, 40, 64],
  [15, 2100, 2000],
  [60, 1024, 416],
  [100, 520, 432],
] as const;

describe.skipIf(!supportsAvx512())("matrix product in machine code", () => {
  for (const [rows, inner, columns] of sizes) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        for (const [batch, scale] of [
          [1, 1],
          [1, 0.125],
          [3, 2],
        ] as const) {
          if (batch > 1 && inner * columns > mostOfBatchB) continue;
          const shape: MatmulShape = { rows, inner, columns, transposeA, transposeB, scale, batch };
          test(JSON.stringify(shape), () => {
            const random = createRandom(rows * 7 + columns);
            const a = random.uniformArray(batch * rows * inner, -1, 1);
            const b = random.uniformArray(batch * inner * columns, -1, 1);
            const got = multiply(shape, a, b);
            const want = expected(shape, a, b);
            // Rounding grows with the number of terms; terms are below 1.
            const tolerance = scale * inner * 2e-7;
            const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
            expect(got.some(Number.isNaN)).toBe(false);
            expect(worst).toBeLessThan(tolerance);
          });
        }
      }
    }
  }

  for (const [rows, inner, columns, batch] of [
    [50, 600, 48, 1],
    [30, 70, 64, 3],
  ] as const) {
    test.each(["each", "shared"] as const)(`adds to ${batch} × [${rows}, ${columns}] over ${inner}: %s`, (addend) => {
      const shape = { rows, inner, columns, batch, transposeA: false, transposeB: true, scale: 0.5, addend };
      const random = createRandom(columns);
      const a = random.uniformArray(batch * rows * inner, -1, 1);
      const b = random.uniformArray(batch * inner * columns, -1, 1);
      const added = random.uniformArray((addend === "each" ? batch : 1) * rows * columns, -100, 100);
      const want = expected(shape, a, b).map((value, i) => value + added[i % added.length]!);
      const worst = (got: Float32Array) =>
        got.reduce((most, value, i) => Math.max(most, Number.isNaN(value) ? Infinity : Math.abs(value - want[i]!)), 0);
      expect(worst(multiply(shape, a, b, added))).toBeLessThan(inner * 2e-7 + 1e-5);
      // The result may take the addend's place.
      if (addend === "each") expect(worst(multiply(shape, a, b, added, added))).toBeLessThan(inner * 2e-7 + 1e-5);
    });
  }
});
