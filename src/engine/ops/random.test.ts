/** Statistics and independence of random numbers. Bit equality with `support/random.ts` is in the op cases. */
import { expect, test } from "vitest";
import { seedKey } from "../../support/random.ts";
import { referenceBackend } from "../backends/reference/index.ts";
import { expand, gradients, hostTensor, scalar, sum, type Tensor, toNumbers, trace } from "../index.ts";
import { dropout, randomNormal, randomSource, randomUniform } from "./random.ts";

async function draw(seed: number, build: (key: Tensor) => Record<string, Tensor>): Promise<Record<string, number[]>> {
  const graph = trace((builder) => {
    const key = builder.input("key", "int64", [2]);
    for (const [name, tensor] of Object.entries(build(key))) builder.output(name, tensor);
  });
  const results = await (await referenceBackend().compile(graph)).run({ key: hostTensor("int64", [2], seedKey(seed)) });
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, toNumbers(tensor)]));
}

const average = (values: readonly number[], of = (x: number) => x) =>
  values.reduce((total, x) => total + of(x), 0) / values.length;
const count = 20_000;

test("uniform and normal numbers have their moments", async () => {
  const { uniform, normal } = await draw(1, (key) => ({
    uniform: randomUniform(key, [count], 0),
    normal: randomNormal(key, [count / 2, 2], 1),
  }));
  // Five standard errors of each mean.
  const within = (value: number, wanted: number, deviation: number) =>
    expect(Math.abs(value - wanted)).toBeLessThan((5 * deviation) / Math.sqrt(count));
  within(average(uniform!), 0.5, Math.sqrt(1 / 12));
  within(
    average(uniform!, (x) => x * x),
    1 / 3,
    Math.sqrt(4 / 45),
  );
  within(average(normal!), 0, 1);
  within(
    average(normal!, (x) => x * x),
    1,
    Math.sqrt(2),
  );
  within(
    average(normal!, (x) => x ** 4),
    3,
    Math.sqrt(96),
  );
  expect(uniform!.every((x) => x >= 0 && x < 1)).toBe(true);
});

test("dropout keeps its share, keeps the mean, and lets the gradient through the same mask", async () => {
  const { y, gradient } = await draw(2, (key) => {
    const x = expand(scalar(key, 1, "float32"), [count]);
    const y = dropout(x, 0.25, randomSource(key));
    return { y, gradient: gradients(sum(y), [x])[0]! };
  });
  const kept = average(y!, (x) => (x === 0 ? 0 : 1));
  expect(Math.abs(kept - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / count));
  expect(new Set(y)).toEqual(new Set([0, Math.fround(4 / 3)]));
  expect(gradient).toEqual(y);
});

test("sites and keys differ, one key gives the same again", async () => {
  const two = (key: Tensor) => {
    const source = randomSource(key);
    return { a: randomUniform(key, [100], source.nextStream()), b: randomUniform(key, [100], source.nextStream()) };
  };
  const [first, again, other] = [await draw(3, two), await draw(3, two), await draw(4, two)];
  expect(first).toEqual(again);
  expect(first.a).not.toEqual(first.b);
  expect(first.a).not.toEqual(other.a);
});
