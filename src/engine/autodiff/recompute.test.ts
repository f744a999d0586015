/** Recomputation: the same gradients from less memory. Its cases run in `ops/op-cases.test.ts`, too. */
import { expect, test } from "vitest";
import { type Graph, gradients, hostTensor, matmul, randomSource, silu, sum, type Tensor, trace } from "../index.ts";
import { dropout } from "../ops/random.ts";
import { evaluateInFloat64 } from "../testing/check-gradients.ts";
import { given, normal } from "../testing/inputs.ts";
import { caseValues, opCase } from "../testing/op-case.ts";
import { recompute } from "./recompute.ts";

const inputs = { x: normal([3, 4]), w: normal([4, 4]), key: given([2], [1, 2], "int64") };

function graphOf(again: boolean): Graph {
  return trace((builder) => {
    const x = builder.input("x", "float32", [3, 4]);
    const w = builder.input("w", "float32", [4, 4]);
    const random = randomSource(builder.input("key", "int64", [2]));
    const block = ([x, w]: readonly Tensor[]) => [dropout(silu(matmul(x!, w!)), 0.3, random)];
    const layer = (input: Tensor) => (again ? recompute(block, [input, w]) : block([input, w]))[0]!;
    const y = layer(layer(x));
    const [forX, forW] = gradients(sum(y), [x, w]);
    builder.output("y", y);
    builder.output("gradient.x", forX!);
    builder.output("gradient.w", forW!);
  });
}

test("gives the values and gradients of the plain block, dropout included", () => {
  const [plain, repeated] = [graphOf(false), graphOf(true)];
  const fed = caseValues(
    opCase("recompute", inputs, ({ x }) => x),
    plain,
    {},
  );
  expect(evaluateInFloat64(repeated, fed)).toEqual(evaluateInFloat64(plain, fed));
});

test("computes the block again after the gradient has arrived, in a region of its own", () => {
  const repeated = graphOf(true);
  const count = (graph: Graph, op: string) => graph.nodes.filter((node) => node.op === op).length;
  expect(count(repeated, "silu")).toBe(4);
  expect(count(graphOf(false), "silu")).toBe(2);
  const second = repeated.nodes.filter((node) => node.op === "silu" && node.region !== undefined);
  expect(new Set(second.map((node) => node.region)).size).toBe(2);
  // Two inputs a block wait for the gradient.
  expect(count(repeated, "barrier")).toBe(4);
});

test("an input without a gradient is no obstacle", () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", [2]);
    const scale = builder.input("scale", "int64", [2]);
    const [y] = recompute(([v, s]) => [silu(v!), s!], [x, scale]);
    builder.output("gradient", gradients(sum(y!), [x])[0]!);
  });
  const fed = { x: hostTensor("float32", [2], [0, 0]), scale: hostTensor("int64", [2], [1, 2]) };
  // silu'(0) = 1/2
  expect(Array.from(evaluateInFloat64(graph, fed).gradient!.data)).toEqual([0.5, 0.5]);
});
