import { describe, expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import { interpret } from "../graph/interpret.ts";
import { toKernelTensor } from "../graph/kernel-values.ts";
import { add, type Graph, hostTensor, matmul, mul, reshape, type Tensor, trace } from "../index.ts";
import { fuseMatmulAdd, optimize, removeDeadCode, runPasses } from "./index.ts";

const everything = { accepts: () => true };
const ops = (graph: Graph): string[] => graph.nodes.map((node) => node.op).filter((op) => op !== "constant");

function run(graph: Graph): number[][] {
  const random = createRandom(3);
  const inputs = graph.inputs.map(({ value }) => {
    const shape = graph.types[value]!.shape as readonly number[];
    const size = shape.reduce((product, dim) => product * dim, 1);
    return toKernelTensor(hostTensor("float32", shape, [...random.uniformArray(size, -1, 1)]));
  });
  return interpret(graph, inputs, {}).map(({ data }) => [...data]);
}

type Inputs = (name: string, shape: readonly number[]) => Tensor;

/** The ops left by the pass, after checking that the numbers are the same. */
function fused(build: (input: Inputs) => Tensor | Tensor[], limits = everything): string[] {
  const graph = trace((builder) => {
    const made = build((name, shape) => builder.input(name, "float32", shape));
    [made].flat().forEach((value, i) => {
      builder.output(`y${i}`, value);
    });
  });
  const before = optimize(graph);
  const after = runPasses(before, [fuseMatmulAdd(limits), removeDeadCode]);
  const [want, got] = [run(before), run(after)];
  want.forEach((values, i) => {
    values.forEach((value, j) => {
      expect(got[i]![j]).toBeCloseTo(value, 5);
    });
  });
  return ops(after);
}

const product = (input: Inputs, batch: readonly number[] = []): Tensor =>
  matmul(input("a", [...batch, 3, 4]), input("b", [...batch, 4, 5]), { scale: 0.5 });

describe("fuse matmul and add", () => {
  test("a sum on either side of a product becomes one node", () => {
    expect(fused((input) => add(product(input), input("c", [3, 5])))).toEqual(["matmulAdd"]);
    expect(fused((input) => add(input("c", [3, 5]), product(input)))).toEqual(["matmulAdd"]);
  });

  test("of two products one adds to the other", () => {
    expect(
      fused((input) => add(product(input), matmul(input("c", [3, 6]), input("d", [5, 6]), { transposeB: true }))),
    ).toEqual(["matmul", "matmulAdd"]);
  });

  test("one matrix is added to each of a batch", () => {
    expect(fused((input) => add(product(input, [2]), input("c", [3, 5])))).toEqual(["matmulAdd"]);
    expect(fused((input) => add(product(input, [2]), input("c", [1, 3, 5])))).toEqual(["matmulAdd"]);
  });

  test("a product under another shape takes the addend with it", () => {
    expect(fused((input) => add(reshape(product(input), [1, 3, 5]), input("c", [1, 3, 5])))).toEqual([
      "reshape",
      "matmulAdd",
      "reshape",
    ]);
  });

  test("what does not lie like the product stays a sum", () => {
    const rest = ["matmul", "add"];
    expect(fused((input) => add(product(input), input("row", [5])))).toEqual(rest);
    expect(fused((input) => add(product(input, [2]), input("c", [2, 1, 5])))).toEqual(rest);
    expect(fused((input) => add(product(input), input("wider", [2, 3, 5])))).toEqual(rest);
  });

  test("a product with another reader stays", () => {
    const twice = (input: Inputs) => {
      const y = product(input);
      return [add(y, input("c", [3, 5])), mul(y, y)];
    };
    expect(fused(twice).toSorted()).toEqual(["add", "matmul", "mul"]);
  });

  test("only products the backend accepts", () => {
    const refuse = { accepts: () => false };
    expect(fused((input) => add(product(input), input("c", [3, 5])), refuse)).toEqual(["matmul", "add"]);
  });
});
