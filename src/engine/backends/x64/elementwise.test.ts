/** Compiled loops against the ops' reference kernels, over all layouts, lengths with tails, and more values than registers. */
import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import { type FusableOp, type FusedParams, fusableOps, fusedLayouts, fusedOp } from "../../ops/fused.ts";
import { createAssembler } from "./assembler.ts";
import { emitElementwise, mostStreams } from "./elementwise.ts";
import { makeExecutable, supportsMachineCode } from "./executable-memory.ts";

const guard = 16; // elements behind each output that must stay as they are
const untouched = 12345;
let names = 0;

interface Operand {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Runs the compiled program; `alias` lets output i overwrite that input. */
function compiled(
  params: FusedParams,
  inputs: readonly Operand[],
  alias: readonly (number | undefined)[] = [],
): Float32Array[] {
  const layouts = fusedLayouts(
    params.shape,
    inputs.map(({ shape }) => shape),
  )!;
  const assembler = createAssembler();
  const { entry, chunks } = emitElementwise(assembler, params, layouts);
  const { code, offsetOf } = assembler.finish();
  const memory = makeExecutable(code);
  const chunk = koffi.decode(
    memory.address + BigInt(offsetOf(entry)),
    koffi.proto(`void test_chunk_${names++}(void *pointers, size_t index)`),
  ) as (pointers: BigUint64Array, index: number) => void;
  const native = (data: Float32Array) => {
    const pointer = koffi.alloc("float", data.length + guard);
    const view = new Float32Array(koffi.view(pointer, (data.length + guard) * 4));
    view.fill(untouched);
    view.set(data);
    return { address: BigInt(koffi.address(pointer)), view };
  };
  const total = sizeOf(params.shape);
  const sources = inputs.map(({ data }) => native(data));
  const targets = params.results.map((_, i) =>
    alias[i] === undefined ? native(new Float32Array(total)) : sources[alias[i]]!,
  );
  const pointers = BigUint64Array.from([...sources, ...targets], ({ address }) => address);
  for (let i = 0; i < chunks; i++) chunk(pointers, i);
  memory.release();
  for (const { view } of targets) expect([...view.subarray(total)]).toEqual(new Array(guard).fill(untouched));
  return targets.map(({ view }) => view.slice(0, total));
}

/** The same by the reference kernels, in float64. */
function reference(params: FusedParams, inputs: readonly Operand[]): Float64Array[] {
  const outputs = params.results.map(() => new Float64Array(sizeOf(params.shape)));
  fusedOp.evaluate({
    inputs: inputs.map(({ shape, data }) => ({ dtype: "float32", shape, data: Float64Array.from(data) })),
    outputs: outputs.map((data) => ({ dtype: "float32", shape: params.shape, data })),
    params,
    bindings: {},
  });
  return outputs;
}

/** Largest difference in units of the last place of the wanted value. */
function worstUlp(got: Float32Array, wanted: Float64Array): number {
  return got.reduce((worst, value, i) => {
    const want = wanted[i]!;
    if (
      Object.is(Math.fround(want), value) ||
      (Number.isNaN(want) && Number.isNaN(value)) ||
      Math.fround(want) === value
    )
      return worst;
    const unit = 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(want)))) - 23);
    return Math.max(worst, Math.abs(value - want) / unit);
  }, 0);
}

const random = createRandom(1);
const numbers = (shape: readonly number[], low: number, high: number): Operand => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.uniform()),
});

/** One op as a program. */
const single = (op: FusableOp, shape: readonly number[], operands: number): FusedParams => ({
  shape,
  instructions: [{ op, inputs: Array.from({ length: operands }, (_, i) => i) }],
  results: [operands],
});

const binary: readonly FusableOp[] = ["add", "sub", "mul", "div", "maximum", "minimum"];
const unary = (Object.keys(fusableOps) as FusableOp[]).filter((op) => !binary.includes(op));
const edges = [
  0,
  -0,
  1,
  -1,
  0.5,
  -2.5,
  20,
  -20,
  88.5,
  -87,
  100,
  -100,
  1000,
  -1000,
  1e-30,
  3e38,
  -3e38,
  Infinity,
  -Infinity,
  NaN,
];

describe.runIf(supportsMachineCode())("compiled elementwise programs", () => {
  test.each(unary)("%s", (op) => {
    const positive = op === "sqrt";
    const inputs = [numbers([4099], positive ? 0 : -12, 12)];
    const params = single(op, [4099], 1);
    expect(worstUlp(compiled(params, inputs)[0]!, reference(params, inputs)[0]!)).toBeLessThan(2.5);
  });

  test.each(["exp", "tanh", "sigmoid"] as const)("%s over its whole range", (op) => {
    const inputs = [numbers([20_001], -87, 88)];
    const params = single(op, [20_001], 1);
    expect(worstUlp(compiled(params, inputs)[0]!, reference(params, inputs)[0]!)).toBeLessThan(2.5);
    const small = [numbers([5000], -1e-3, 1e-3)];
    const near = single(op, [5000], 1);
    expect(worstUlp(compiled(near, small)[0]!, reference(near, small)[0]!)).toBeLessThan(2.5);
  });

  test.each(unary)("%s at edge values", (op) => {
    const inputs = [{ shape: [edges.length], data: Float32Array.from(edges) }];
    const params = single(op, [edges.length], 1);
    const [got, wanted] = [compiled(params, inputs)[0]!, reference(params, inputs)[0]!];
    got.forEach((value, i) => {
      const want = Math.fround(wanted[i]!);
      if (Math.abs(want) < 1e-37 && !Number.isNaN(want))
        expect(Math.abs(value), `${op}(${edges[i]})`).toBeLessThan(1e-37);
      else if (Number.isFinite(want))
        expect(Math.abs(value - want), `${op}(${edges[i]})`).toBeLessThanOrEqual(Math.abs(want) * 3e-7);
      // x·sigmoid(x) at −∞ is −∞·0: nothing is promised.
      else if (op !== "silu" || edges[i] !== -Infinity) expect(value, `${op}(${edges[i]})`).toBe(want);
    });
  });

  test.each(binary)("%s, with NaN on either side", (op) => {
    const a = { shape: [400], data: Float32Array.from({ length: 400 }, (_, i) => edges[i % 20]!) };
    const b = { shape: [400], data: Float32Array.from({ length: 400 }, (_, i) => edges[Math.floor(i / 20)]!) };
    const params = single(op, [400], 2);
    const [got, wanted] = [compiled(params, [a, b])[0]!, reference(params, [a, b])[0]!];
    for (const [i, value] of got.entries())
      expect(value + 0, `${op}(${a.data[i]}, ${b.data[i]})`).toBe(Math.fround(wanted[i]!) + 0);
  });

  test.each([1, 2, 7, 8, 9, 31, 64, 1001, 40_003])("%i elements in one row", (size) => {
    const inputs = [numbers([size], -2, 2), numbers([], 1, 2)];
    const params: FusedParams = {
      shape: [size],
      instructions: [
        { op: "constant", value: 0.25 },
        { op: "mul", inputs: [0, 1] },
        { op: "sub", inputs: [2, 3] },
        { op: "neg", inputs: [4] },
      ],
      results: [4, 5],
    };
    const wanted = Float32Array.from(inputs[0]!.data, (x) => 0.25 - Math.fround(x * inputs[1]!.data[0]!));
    const got = compiled(params, inputs);
    expect(got[0]).toEqual(wanted);
    expect(got[1]).toEqual(wanted.map((value) => -value));
  });

  test.each([
    [3, 5],
    [1, 8],
    [70, 16],
    [33, 100],
    [1300, 31],
  ])("rows, columns and scalars in [%i, %i]", (rows, columns) => {
    const shape = [rows, columns];
    const inputs = [
      numbers(shape, -2, 2),
      numbers([rows, 1], -2, 2),
      numbers([columns], -2, 2),
      numbers([1], -2, 2),
      numbers(shape, 1, 2),
    ];
    const params: FusedParams = {
      shape,
      instructions: [
        { op: "mul", inputs: [0, 1] },
        { op: "sub", inputs: [2, 5] },
        { op: "div", inputs: [6, 4] },
        { op: "add", inputs: [3, 7] },
      ],
      results: [8, 5],
    };
    const [full, row, column, scalar, divisor] = inputs.map(({ data }) => data) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const product = full.map((x, i) => x * row[Math.floor(i / columns)]!);
    const wanted = product.map((x, i) => scalar[0]! + Math.fround(Math.fround(column[i % columns]! - x) / divisor[i]!));
    const got = compiled(params, inputs);
    expect(got[0]).toEqual(wanted);
    expect(got[1]).toEqual(product);
  });

  test("AdamW in place: three outputs over three of the inputs", () => {
    const size = 50_003;
    const [p, m, v, g] = [
      numbers([size], -1, 1),
      numbers([size], -0.1, 0.1),
      numbers([size], 0, 0.1),
      numbers([size], -1, 1),
    ];
    const rate = { shape: [], data: Float32Array.of(0.01) };
    const params: FusedParams = {
      shape: [size],
      instructions: [
        { op: "constant", value: 0.9 }, // 5
        { op: "constant", value: 0.1 }, // 6
        { op: "constant", value: 1e-8 }, // 7
        { op: "mul", inputs: [1, 5] }, // 8
        { op: "mul", inputs: [3, 6] }, // 9
        { op: "add", inputs: [8, 9] }, // 10 first moment
        { op: "mul", inputs: [2, 5] }, // 11
        { op: "mul", inputs: [3, 9] }, // 12
        { op: "add", inputs: [11, 12] }, // 13 second moment
        { op: "sqrt", inputs: [13] }, // 14
        { op: "add", inputs: [14, 7] }, // 15
        { op: "div", inputs: [10, 15] }, // 16
        { op: "mul", inputs: [16, 4] }, // 17
        { op: "sub", inputs: [0, 17] }, // 18
      ],
      results: [18, 10, 13],
    };
    const inputs = [p, m, v, g, rate];
    const wanted = reference(params, inputs);
    const got = compiled(params, inputs, [0, 1, 2]);
    got.forEach((values, i) => {
      values.forEach((value, j) => {
        if (Math.abs(value - wanted[i]![j]!) > 1e-6)
          expect(value, `output ${i}, element ${j}`).toBeCloseTo(wanted[i]![j]!, 6);
      });
    });
  });

  test("more live values than registers", () => {
    const shape = [517];
    const inputs = [numbers(shape, -1, 1), numbers(shape, -1, 1)];
    const count = 40;
    const instructions: FusedParams["instructions"][number][] = [];
    // forty different values, all alive until they are added up
    for (let i = 0; i < count; i++) {
      instructions.push({ op: "constant", value: i + 1 });
      instructions.push({ op: i % 5 === 4 ? "sigmoid" : "mul", inputs: i % 5 === 4 ? [i % 2] : [i % 2, 2 + 2 * i] });
    }
    let sum = 3;
    for (let i = 1; i < count; i++) {
      instructions.push({ op: "add", inputs: [sum, 3 + 2 * i] });
      sum = 1 + instructions.length;
    }
    const results = [sum, 3, 5, 2 + 2 * 39 + 1, sum - 7];
    const params: FusedParams = { shape, instructions, results };
    const wanted = reference(params, inputs);
    compiled(params, inputs).forEach((values, k) => {
      values.forEach((value, i) => {
        if (Math.abs(value - wanted[k]![i]!) > 1e-3)
          expect(value, `output ${k}, element ${i}`).toBeCloseTo(wanted[k]![i]!, 3);
      });
    });
  });

  test("too many tensors, and an output that is an input, are refused", () => {
    const inputs = Array.from({ length: mostStreams }, () => numbers([8], 0, 1));
    const program = { shape: [8], instructions: [{ op: "neg", inputs: [0] }] as const, results: [mostStreams] };
    expect(() => compiled(program, inputs)).toThrow("at most");
    expect(() => compiled({ ...program, results: [0] }, inputs.slice(0, 1))).toThrow("one of its inputs");
  });
});

test("layouts: what lies along rows, along columns, and what does not fit together", () => {
  expect(fusedLayouts([4, 6], [[4, 6], [], [1, 1]])).toEqual({
    rows: 1,
    columns: 24,
    inputs: ["full", "scalar", "scalar"],
  });
  expect(fusedLayouts([2, 3, 4], [[2, 3, 1], [4], [2, 3, 4]])).toEqual({
    rows: 6,
    columns: 4,
    inputs: ["row", "column", "full"],
  });
  expect(fusedLayouts([2, 3, 4], [[3, 4]])).toEqual({ rows: 2, columns: 12, inputs: ["column"] });
  expect(fusedLayouts([2, 3, 4], [[2, 1, 1]])).toEqual({ rows: 2, columns: 12, inputs: ["row"] });
  expect(
    fusedLayouts(
      [2, 3, 4],
      [
        [2, 3, 1],
        [3, 4],
      ],
    ),
  ).toBeUndefined();
  expect(fusedLayouts([2, 3, 4], [[2, 1, 4]])).toBeUndefined();
  expect(fusedLayouts([2, 3], [["batch", 3]])).toBeUndefined();
});
