/**
 * Values at the edges: infinities, NaN, zeros, overflow, large integers. The reference says what they mean; a backend's
 * fast kernel must agree, or training that meets a NaN would hide it.
 */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import * as engine from "../../src/engine/index.ts";
import {
  type Backend,
  type HostTensor,
  hostTensor,
  opTable,
  type Tensor,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { knownDifferences, testedBackends } from "../../src/engine/testing/backends.ts";

const { POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minusInf, NaN: nan } = Number;
const floats = [0, 1, -1, 0.5, -2.5, 3, 20, -20, 100, -100, 1000, -1000, 1e-30, 3e38, -3e38, inf, minusInf, nan];
const whole = [0, 1, -1, 7, -7, 2 ** 31 - 1, -(2 ** 31), 65_536];

const unary = [
  "neg",
  "abs",
  "sign",
  "floor",
  "exp",
  "log",
  "sqrt",
  "reciprocal",
  "tanh",
  "sigmoid",
  "erf",
  "softplus",
  "relu",
  "silu",
] as const;
const binary = ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "equal", "less", "lessOrEqual"] as const;
const integerBinary = ["add", "sub", "mul", "maximum", "minimum", "equal", "less", "lessOrEqual"] as const;

/** Where a backend may differ, because no meaning is promised. */
const unpromised: Record<string, (x: number) => boolean> = {
  // x·sigmoid(x) at −∞ is −∞·0.
  silu: (x) => x === minusInf || x === -20,
  // Kernels may cut the tail off below 1e-7: use softplus for the logarithm of a small sigmoid.
  sigmoid: (x) => x === -20,
};
/** int32 may overflow in any way, and int64 beyond 2^53 is not exact in the reference. */
const overflows = (a: number, b: number): boolean => Math.abs(a * b) >= 2 ** 31;

const pairs = floats.flatMap((a) => floats.map((b) => [a, b] as const));
const integerPairs = whole.flatMap((a) => whole.map((b) => [a, b] as const));

async function same(
  backend: Backend,
  build: (inputs: Record<string, Tensor>) => Tensor,
  inputs: Record<string, HostTensor>,
  label: (i: number) => string,
  skip: (i: number) => boolean = () => false,
): Promise<void> {
  const graph = trace((builder) => {
    const tensors = Object.entries(inputs).map(([name, { dtype, shape }]) => [name, builder.input(name, dtype, shape)]);
    builder.output("y", build(Object.fromEntries(tensors)));
  });
  const reference = await referenceBackend().compile(graph);
  const program = await backend.compile(graph);
  const [wanted, got] = [toNumbers((await reference.run(inputs)).y!), toNumbers((await program.run(inputs)).y!)];
  await program.dispose();
  const close = (a: number, b: number) =>
    Object.is(a, b) || a === b || Math.abs(a - b) <= 2e-6 * Math.max(Math.abs(a), Math.abs(b), 1e-30);
  const wrong = wanted.flatMap((value, i) =>
    skip(i) || close(got[i]!, value) ? [] : [`${label(i)} is ${got[i]}, wanted ${value}`],
  );
  expect(wrong).toEqual([]);
}

describe.each(await testedBackends())("$name", ({ name, backend, missing }) => {
  describe.skipIf(backend === undefined)(missing ?? "edges", () => {
    test.each(unary)("%s", async (op) => {
      const x = hostTensor("float32", [floats.length], floats);
      await same(
        backend!,
        ({ x }) => x!.builder.emit(opTable[op], [x!], {})[0]!,
        { x },
        (i) => `${op}(${floats[i]})`,
        (i) => unpromised[op]?.(floats[i]!) ?? false,
      );
    });

    test.each(binary)("%s", async (op) => {
      const [a, b] = [0, 1].map((k) =>
        hostTensor(
          "float32",
          [pairs.length],
          pairs.map((pair) => pair[k]!),
        ),
      );
      await same(
        backend!,
        ({ a, b }) => a!.builder.emit(opTable[op], [a!, b!], {})[0]!,
        { a: a!, b: b! },
        (i) => `${op}(${pairs[i]})`,
      );
    });

    test.each(integerBinary.flatMap((op) => [[op, "int32"] as const, [op, "int64"] as const]))(
      "%s of %s",
      async (op, dtype) => {
        const [a, b] = [0, 1].map((k) =>
          hostTensor(
            dtype,
            [integerPairs.length],
            integerPairs.map((pair) => pair[k]!),
          ),
        );
        await same(
          backend!,
          ({ a, b }) => a!.builder.emit(opTable[op], [a!, b!], {})[0]!,
          { a: a!, b: b! },
          (i) => `${op}(${integerPairs[i]})`,
          (i) => op === "mul" && overflows(...integerPairs[i]!),
        );
      },
    );

    const numberRows = [
      [1, nan, 2],
      [nan, nan, nan],
      [minusInf, 1, inf],
      [minusInf, minusInf, 0],
      [3, 3, 3],
      [-1e30, -1e30, -1e30],
    ];
    const x = hostTensor("float32", [numberRows.length, 3], numberRows.flat());
    const perRow = (width: number) => (i: number) => `row ${numberRows[Math.floor(i / width)]}`;
    const rowOps: Record<string, readonly [of: (x: Tensor) => Tensor, width: number]> = {
      max: [(t) => engine.max(t, { axes: 1 }), 1],
      min: [(t) => engine.min(t, { axes: 1 }), 1],
      sum: [(t) => engine.sum(t, { axes: 1 }), 1],
      softmax: [(t) => engine.softmax(t), 3],
      logSoftmax: [(t) => engine.logSoftmax(t), 3],
      cumsum: [(t) => engine.cumsum(t, 1), 3],
      "not a number": [(t) => engine.cast(engine.notEqual(t, t), "float32"), 3],
      where: [(t) => engine.where(engine.greater(t, 0), t, 0), 3],
      "cast to bool": [(t) => engine.cast(t, "bool"), 3],
      "through float16": [(t) => engine.cast(engine.cast(t, "float16"), "float32"), 3],
      "through bfloat16": [(t) => engine.cast(engine.cast(t, "bfloat16"), "float32"), 3],
    };
    for (const [op, [of, width]] of Object.entries(rowOps)) {
      const declare = knownDifferences[name]?.[`${op} of rows with NaN`] === undefined ? test : test.fails;
      declare(`${op} of rows with NaN`, () => same(backend!, ({ x }) => of(x!), { x }, perRow(width)));
    }
  });
});
