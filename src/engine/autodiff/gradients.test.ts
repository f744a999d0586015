/** Reverse mode as a whole: accumulation, what is wanted, half precision, and gradients of gradients. */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../backends/reference/index.ts";
import {
  add,
  cast,
  exp,
  type GraphBuilder,
  gradients,
  type HostTensor,
  hostTensor,
  matmul,
  mean,
  mul,
  sub,
  sum,
  type Tensor,
  tanh,
  toNumbers,
  trace,
} from "../index.ts";
import { functionCases, opCases } from "../testing/cases/index.ts";
import { looped, networkInputs, unrolled } from "../testing/cases/loops.ts";
import { checkDerivatives, evaluateInFloat64 } from "../testing/check-gradients.ts";
import { caseGraph, caseValues, differentiated, type OpCase, opCase } from "../testing/op-case.ts";

/** Runs a graph on the reference backend. */
async function run(
  build: (builder: GraphBuilder) => Record<string, Tensor>,
  inputs: Record<string, HostTensor>,
): Promise<Record<string, number[]>> {
  const graph = trace((builder) => {
    for (const [name, tensor] of Object.entries(build(builder))) builder.output(name, tensor);
  });
  const results = await (await referenceBackend().compile(graph)).run(inputs);
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, toNumbers(tensor)]));
}

test("gradient of mean((x·w − t)²) equals 2·xᵀ(x·w − t)/n", async () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", ["batch", 2]);
    const t = builder.input("t", "float32", ["batch", 1]);
    const w = builder.state("w", { dtype: "float32", shape: [2, 1] });
    const error = sub(matmul(x, w), t);
    const loss = mean(mul(error, error));
    builder.output("loss", loss);
    builder.output("gradient", gradients(loss, [w])[0]!);
  });
  const program = await referenceBackend().compile(graph);
  program.writeState("w", hostTensor("float32", [2, 1], [1, -1]));
  const result = await program.run({
    x: hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 6]),
    t: hostTensor("float32", [3, 1], [0, 1, 2]),
  });
  // errors are −1, −2, −3; Σ x·e = (−1−6−15, −2−8−18) = (−22, −28)
  expect(toNumbers(result.loss!)[0]).toBeCloseTo(14 / 3, 5);
  expect(toNumbers(result.gradient!)).toEqual([(-22 * 2) / 3, (-28 * 2) / 3].map(Math.fround));
});

test("several uses add up, values in between can be wanted, and what does not matter gets zeros", async () => {
  const found = await run(
    (builder) => {
      const x = builder.input("x", "float32", [2]);
      const unused = builder.input("unused", "float32", [3]);
      const whole = builder.input("whole", "int64", [1]);
      const y = mul(x, x);
      const loss = sum(add(add(y, mul(x, 3)), mul(y, y)));
      const found = gradients(loss, [x, y, unused, whole]);
      return Object.fromEntries(found.map((gradient, i) => [`gradient.${i}`, gradient]));
    },
    {
      x: hostTensor("float32", [2], [1, 2]),
      unused: hostTensor("float32", [3], [1, 1, 1]),
      whole: hostTensor("int64", [1], [1]),
    },
  );
  // loss = x² + 3x + x⁴, so d/dx = 2x + 3 + 4x³ and, with y = x², d/dy = 1 + 2y
  expect(Object.values(found)).toEqual([[9, 39], [3, 9], [0, 0, 0], [0]]);
});

test("a half-precision parameter used twice adds its gradients", async () => {
  const { gradient } = await run(
    (builder) => {
      const w = builder.input("w", "bfloat16", [2]);
      const loss = sum(add(mul(cast(w, "float32"), 2), cast(w, "float32")));
      return { gradient: cast(gradients(loss, [w])[0]!, "float32") };
    },
    { w: { dtype: "bfloat16", shape: [2], data: Uint16Array.of(0x3f80, 0x4000) } },
  );
  expect(gradient).toEqual([3, 3]);
});

describe("gradients of gradients", () => {
  test("first to third derivative of tanh", async () => {
    const { first, second, third } = await run(
      (builder) => {
        const x = builder.input("x", "float32", []);
        const first = gradients(tanh(x), [x])[0]!;
        const second = gradients(first, [x])[0]!;
        return { first, second, third: gradients(second, [x])[0]! };
      },
      { x: hostTensor("float32", [], [0.5]) },
    );
    const y = Math.tanh(0.5);
    expect(first![0]).toBeCloseTo(1 - y * y, 6);
    expect(second![0]).toBeCloseTo(-2 * y * (1 - y * y), 6);
    expect(third![0]).toBeCloseTo((1 - y * y) * (6 * y * y - 2), 6);
  });

  test("mixed second derivative of x·e^y", async () => {
    const { mixed } = await run(
      (builder) => {
        const [x, y] = [builder.input("x", "float32", []), builder.input("y", "float32", [])];
        const [byX] = gradients(mul(x, exp(y)), [x]);
        return { mixed: gradients(byX!, [y])[0]! };
      },
      { x: hostTensor("float32", [], [2]), y: hostTensor("float32", [], [0.5]) },
    );
    expect(mixed![0]).toBeCloseTo(Math.exp(0.5), 5);
  });

  // A few that are quick; all of them run in test/conformance.
  const chosen: OpCase[] = [
    ...opCases.tanh,
    ...opCases.rmsNorm,
    ...opCases.layerNorm,
    ...opCases.softmax.slice(0, 2),
    ...functionCases.filter(({ name }) =>
      ["two-layer net", "recompute", "attention, values", "tied embedding"].includes(name),
    ),
  ];
  test.each(chosen.map((given) => [given.name, given] as const))("%s", (_, given) =>
    checkDerivatives(differentiated(given)),
  );
});

test("a scan has the values and gradients of the same steps written out", () => {
  const sizes = { batch: 2, length: 3 };
  // One name for both, because the values are seeded by it.
  const [loop, steps] = [looped, unrolled].map((build) => opCase("network", networkInputs, build)) as [OpCase, OpCase];
  const graph = caseGraph(loop, true);
  const fed = caseValues(loop, graph, sizes);
  const wanted = evaluateInFloat64(
    // The unrolled form needs its length when it is traced.
    caseGraph({ ...steps, inputs: { ...networkInputs, x: { ...networkInputs.x, shape: [3, "batch", 2] } } }, true),
    fed,
  );
  const got = evaluateInFloat64(graph, fed);
  expect(Object.keys(got).sort()).toEqual([
    "gradient.h",
    "gradient.u",
    "gradient.w",
    "gradient.x",
    "output.0",
    "output.1",
  ]);
  for (const [name, { data }] of Object.entries(wanted)) {
    for (let i = 0; i < data.length; i++) expect(got[name]!.data[i]).toBeCloseTo(data[i]!, 12);
  }
});
