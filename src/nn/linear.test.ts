/** Quantised layers: the product is that of the numbers a ggml file would hold. */
import { expect, test } from "vitest";
import { type Tensor, toNumbers } from "../engine/index.ts";
import { blockCodecOf } from "../formats/blocks/index.ts";
import { type DenseLinear, denseWeight, type Linear, linear, type QuantizedLinear, quantizeLinear } from "./linear.ts";
import { relativeError, runTraced, wave } from "./run-traced.fixture.ts";

const dense: DenseLinear<ReturnType<typeof wave>> = { weight: wave([6, 64], 0.3), bias: wave([6]) };
const x = wave([2, 3, 64], 1.7);

test.each([4, 8] as const)("%i bits give the product of the decoded ggml blocks", async (bits) => {
  const codec = blockCodecOf(bits === 4 ? "q4_0" : "q8_0");
  const weights = codec.decode(codec.encode(dense.weight.data as Float32Array));
  const expected = await runTraced(
    { ...dense, weight: { ...dense.weight, data: weights } },
    { x },
    (p: Linear<Tensor>, given) => ({ y: linear(p, given.x) }),
  );
  const run = (activations: "float32" | "int8") =>
    runTraced(quantizeLinear(dense, bits), { x }, (p: QuantizedLinear<Tensor>, given) => ({
      y: linear(p, given.x, { activations }),
    }));
  expect(relativeError((await run("float32")).y, expected.y)).toBeLessThan(1e-6);
  const rounded = relativeError((await run("int8")).y, expected.y);
  expect(rounded).toBeLessThan(0.01);
  expect(rounded).toBeGreaterThan(1e-5); // it did round
  const original = await runTraced(dense, { x }, (p: Linear<Tensor>, given) => ({ y: linear(p, given.x) }));
  expect(relativeError(expected.y, original.y)).toBeLessThan(bits === 4 ? 0.15 : 0.01);
});

test("what cannot be quantised is refused", () => {
  expect(() => quantizeLinear({ weight: wave([2, 33]) }, 4)).toThrow("33");
  expect(() => quantizeLinear({ weight: { ...wave([32]), shape: [32] } }, 4)).toThrow("wanted float32 [out, in]");
  expect(() => denseWeight(quantizeLinear(dense, 8))).toThrow("quantised");
  expect(toNumbers(denseWeight(dense))).toHaveLength(6 * 64);
});
