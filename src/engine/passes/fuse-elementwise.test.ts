import { describe, expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import { interpret } from "../graph/interpret.ts";
import { toKernelTensor } from "../graph/kernel-values.ts";
import {
  add,
  div,
  exp,
  type Graph,
  type GraphBuilder,
  gradients,
  hostTensor,
  matmul,
  maximum,
  mul,
  neg,
  reciprocal,
  recompute,
  sigmoid,
  silu,
  sqrt,
  sub,
  sum,
  type Tensor,
  tanh,
  trace,
} from "../index.ts";
import type { FusedParams } from "../ops/fused.ts";
import { fuseElementwise, inPlaceState, optimize, removeDeadCode, runPasses } from "./index.ts";

const limits = { mostStreams: 9, fewestElements: 1 };
const fuse = (graph: Graph, given: Partial<typeof limits> = {}): Graph =>
  runPasses(optimize(graph), [fuseElementwise({ ...limits, ...given }), removeDeadCode]);
const ops = (graph: Graph): string[] => graph.nodes.map((node) => node.op).filter((op) => op !== "constant");
const fusedNodes = (graph: Graph) => graph.nodes.filter((node) => node.op === "fused");
const programOf = (graph: Graph): string[] =>
  (fusedNodes(graph)[0]!.params as FusedParams).instructions.map(({ op }) => op).filter((op) => op !== "constant");

/** Outputs of a graph for inputs drawn from a fixed generator. */
function run(graph: Graph): number[][] {
  const random = createRandom(7);
  const inputs = graph.inputs.map(({ value }) => {
    const shape = graph.types[value]!.shape as readonly number[];
    const size = shape.reduce((product, dim) => product * dim, 1);
    return toKernelTensor(
      hostTensor(
        "float32",
        shape,
        Array.from({ length: size }, () => random.uniform() + 0.25),
      ),
    );
  });
  return interpret(graph, inputs, {}).map(({ data }) => [...data]);
}

const shape = [4, 32];
const square = [32, 32];
const traced = (
  build: (input: (name: string, shape?: readonly number[]) => Tensor, builder: GraphBuilder) => Tensor | Tensor[],
): Graph =>
  trace((builder) => {
    const made = build((name, size = shape) => builder.input(name, "float32", size), builder);
    for (const [i, tensor] of [made].flat().entries()) builder.output(`y${i}`, tensor);
  });

/** The fused graph computes what the plain one does. */
function expectSame(graph: Graph, given?: Partial<typeof limits>): Graph {
  const fused = fuse(graph, given);
  const [wanted, got] = [run(graph), run(fused)];
  got.forEach((values, i) => {
    values.forEach((value, j) => {
      const want = wanted[i]![j]!;
      if (!(Math.abs(value - want) <= 1e-6 * Math.max(1, Math.abs(want))))
        expect(value, `output ${i}[${j}]`).toBe(want);
    });
  });
  return fused;
}

describe("fuse elementwise", () => {
  test("a chain with scalars, rows and columns becomes one node", () => {
    const graph = traced((input) => {
      const [x, row, column, scalar] = [input("x"), input("row", [4, 1]), input("column", [32]), input("scalar", [])];
      return add(mul(sqrt(add(mul(x, row), column)), scalar), 0.5);
    });
    const fused = expectSame(graph);
    expect(ops(fused)).toEqual(["fused"]);
    expect(programOf(fused)).toEqual(["mul", "add", "sqrt", "mul", "add"]);
  });

  test("only what is needed outside is an output", () => {
    const fused = expectSame(
      traced((input) => {
        const [x, w] = [input("x"), input("w", square)];
        const y = exp(neg(x));
        return [matmul(y, w), sub(y, 1)];
      }),
    );
    expect(fusedNodes(fused)).toHaveLength(1);
    expect(fusedNodes(fused)[0]!.outputs).toHaveLength(2);
  });

  test("no cycle: what stands before and behind a product stays apart", () => {
    const fused = expectSame(
      traced((input) => {
        const [x, w] = [input("x"), input("w", square)];
        const before = mul(add(x, 1), x);
        const product = matmul(before, w);
        return mul(add(product, x), before);
      }),
    );
    expect(ops(fused)).toEqual(["fused", "matmul", "fused"]);
  });

  test("different shapes, other dtypes and small tensors stay as they are", () => {
    const graph = traced((input) => [sub(mul(input("a"), 2), 1), sub(mul(input("b", [8, 32]), 2), 1)]);
    expect(ops(expectSame(graph))).toEqual(["fused", "fused"]);
    expect(ops(expectSame(graph, { fewestElements: 200 }))).toEqual(["mul", "sub", "fused"]);
    const integers = trace((builder) => builder.output("y", add(mul(builder.input("i", "int32", shape), 2), 1)));
    expect(ops(fuse(integers))).toEqual(["mul", "add"]);
    const named = trace((builder) => builder.output("y", add(mul(builder.input("x", "float32", ["batch", 32]), 2), 1)));
    expect(ops(fuse(named))).toEqual(["mul", "add"]);
  });

  test("rows and columns must be those of one matrix", () => {
    const apart = traced((input) => {
      const x = input("x", [2, 4, 32]);
      return mul(mul(x, input("a", [2, 4, 1])), input("b", [4, 32]));
    });
    expect(ops(expectSame(apart))).toEqual(["mul", "mul"]);
  });

  test("no more tensors in one loop than allowed", () => {
    const sums = traced((input) => {
      const xs = Array.from({ length: 12 }, (_, i) => input(`x${i}`));
      return xs.reduce((total, x) => add(total, x));
    });
    for (const mostStreams of [4, 5, 9]) {
      const fused = expectSame(sums, { mostStreams });
      expect(fusedNodes(fused).length).toBeGreaterThan(0);
      for (const node of fusedNodes(fused)) {
        expect(node.inputs.length + node.outputs.length).toBeLessThanOrEqual(mostStreams);
      }
    }
  });

  test("recomputed values are not those kept", () => {
    const graph = traced((input) => {
      const [x, w] = [input("x"), input("w", square)];
      const [y] = recompute(() => [mul(exp(matmul(x, w)), x)], [x, w]);
      const loss = sum(mul(y!, y!));
      return [loss, ...gradients(loss, [x, w])];
    });
    const fused = expectSame(graph);
    for (const node of fusedNodes(fused)) {
      const { instructions } = node.params as FusedParams;
      expect(instructions.filter(({ op }) => op === "exp").length).toBeLessThanOrEqual(1);
    }
    const regions = (given: Graph) =>
      new Set(given.nodes.filter((node) => node.op !== "constant").map(({ region }) => region));
    expect(regions(fused)).toEqual(regions(optimize(graph)));
  });

  test("SwiGLU: the backward pass reads only the two products and the gradient", () => {
    const graph = traced((input) => {
      const [x, gate, up, down] = [
        input("x", [8, 32]),
        input("gate", square),
        input("up", square),
        input("down", square),
      ];
      const y = matmul(mul(silu(matmul(x, gate)), matmul(x, up)), down);
      const loss = sum(mul(y, y)); // its gradient depends on y, so the backward pass cannot run beside the forward pass
      return [loss, ...gradients(loss, [gate, up, down])];
    });
    const [forward, backward, ...others] = fusedNodes(expectSame(graph));
    expect(others).toEqual([]);
    expect([forward!.inputs.length, forward!.outputs.length]).toEqual([2, 1]);
    expect([backward!.inputs.length, backward!.outputs.length]).toEqual([3, 2]);
    const { instructions } = backward!.params as FusedParams;
    expect(instructions.filter(({ op }) => op === "sigmoid" || op === "silu")).toHaveLength(1);
  });

  test("a square that only a sum reads is left to the backend's sum of squares", () => {
    const graph = traced((input) => {
      const x = input("x");
      return [sum(mul(x, x)), add(mul(x, 3), 1)];
    });
    expect(ops(expectSame(graph))).toEqual(expect.arrayContaining(["mul", "sum", "fused"]));
  });

  test("an optimizer's state is still updated in place", () => {
    const graph = trace((builder) => {
      const state = builder.state("s", {
        p: { dtype: "float32", shape },
        m: { dtype: "float32", shape },
        v: { dtype: "float32", shape },
      });
      const g = builder.input("g", "float32", shape);
      const m = add(mul(state.m, 0.9), mul(g, 0.1));
      const v = add(mul(state.v, 0.99), mul(mul(g, g), 0.01));
      builder.assign(state.m, m);
      builder.assign(state.v, v);
      builder.assign(state.p, sub(state.p, div(m, add(sqrt(v), 1e-8))));
    });
    const fused = fuse(graph);
    expect(ops(fused)).toEqual(["fused"]);
    expect(fusedNodes(fused)[0]!.outputs).toHaveLength(3);
    expect(inPlaceState(fused)).toEqual(new Set(["s.p", "s.m", "s.v"]));
  });

  test("random programs compute the same", () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = createRandom(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random.uniform() * items.length)]!;
      const graph = traced((input) => {
        const values = [input("a"), input("b"), input("c")];
        const narrow = [input("row", [4, 1]), input("column", [32]), input("scalar", [])];
        const w = input("w", square);
        for (let i = 0; i < 25; i++) {
          const [x, y] = [pick(values.slice(-8)), pick([...values, ...narrow])];
          const kind = Math.floor(random.uniform() * 12);
          if (kind < 3) values.push(add(x, y));
          else if (kind < 5) values.push(mul(tanh(x), y));
          else if (kind < 6) values.push(sub(x, sigmoid(y)));
          else if (kind < 7) values.push(maximum(x, y));
          else if (kind < 8) values.push(div(x, add(exp(neg(mul(x, x))), 1)));
          else if (kind < 9) values.push(mul(x, reciprocal(add(mul(y, y), 1))));
          else if (kind < 11) values.push(mul(matmul(x, w), 0.05));
          else narrow.push(tanh(sum(x, { axes: -1, keepDims: true })));
        }
        return values.slice(-4);
      });
      const fused = expectSame(graph, { mostStreams: pick([4, 6, 9]) });
      expect(fused.nodes.length).toBeLessThan(optimize(graph).nodes.length);
    }
  });
});
