/** Every kind of fault is found, and blamed on whoever made the graph. */
import { describe, expect, test } from "vitest";
import { CongError } from "../../support/errors.ts";
import { add, mul } from "../ops/binary.ts";
import { scan } from "../ops/scan.ts";
import { iota } from "../ops/sequence.ts";
import { exp } from "../ops/unary.ts";
import { trace } from "./builder.ts";
import type { Graph, Node } from "./graph.ts";
import { findFaults, verify } from "./verify.ts";

/** Values: 0 x, 1 the state s, 2 x+s, 3 exp of it. */
const legal = trace((builder) => {
  const x = builder.input("x", "float32", ["batch", 2]);
  const s = builder.state("s", { dtype: "float32", shape: [1, 2] });
  const sum = builder.scope("layer", () => add(x, s));
  builder.output("y", exp(sum));
  builder.assign(s, mul(s, 2));
});
const [first, second] = legal.nodes as [Node, Node];
const withNodes = (nodes: readonly Node[]): Graph => ({ ...legal, nodes });

test("a traced graph is legal", () => {
  expect(findFaults(legal)).toEqual([]);
  expect(verify(legal, "tracing")).toBe(legal);
});

describe("finds", () => {
  test.each<[string, Graph, RegExp]>([
    [
      "a value read before it exists",
      withNodes([second, first, ...legal.nodes.slice(2)]),
      /exp reads value 2 before it exists/,
    ],
    [
      "a value that is defined twice",
      withNodes([first, first, ...legal.nodes.slice(1)]),
      /add in layer defines value 2 a second time/,
    ],
    [
      "an output that nothing computes",
      withNodes(legal.nodes.filter((node) => node !== second)),
      /a result is value 3, which nothing computes/,
    ],
    ["a value without a type", { ...legal, types: legal.types.slice(0, 3) }, /value 3, which has no type/],
    [
      "a shape that the rule contradicts",
      { ...legal, types: legal.types.with(2, { dtype: "float32", shape: [7] }) },
      /add in layer: output 0 is float32\[7\], its rule says float32\[batch, 2\]/,
    ],
    [
      "a dtype that the rule contradicts",
      { ...legal, types: legal.types.with(3, { dtype: "int32", shape: ["batch", 2] }) },
      /exp: output 0 is int32\[batch, 2\], its rule says float32/,
    ],
    [
      "operands that the rule refuses",
      { ...legal, types: legal.types.with(0, { dtype: "bool", shape: ["batch", 2] }) },
      /add in layer: add: got bool/,
    ],
    [
      "a state that changes its shape",
      { ...legal, state: legal.state.map((slot) => ({ ...slot, update: 3 })) },
      /state "s" changes from float32\[1, 2\] to float32\[batch, 2\]/,
    ],
    [
      "a size that no source has",
      trace((builder) => builder.output("y", iota(builder, "lenght"))),
      /"lenght" appears in no input/,
    ],
  ])("%s", (_, graph, wanted) => {
    expect(findFaults(graph).join("\n")).toMatch(wanted);
    expect(() => verify(graph, "the pass under test")).toThrow(/^the pass under test/);
  });
});

test("looks into the body of a scan", () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", [3, 2]);
    const { results } = scan((_, __, [v]) => ({ carries: [], results: [exp(v!)] }), { carries: [], sequences: [x] });
    builder.output("y", results[0]!);
  });
  expect(findFaults(graph)).toEqual([]);
  const [node] = graph.nodes as [Node];
  const params = node.params as { readonly body: Graph };
  const broken = { ...node, params: { ...params, body: { ...params.body, nodes: [] } } };
  expect(findFaults({ ...graph, nodes: [broken] })).toEqual([
    expect.stringMatching(/in the body of scan: a result is value 1, which nothing computes/),
  ]);
});

test("a pass's fault is our bug, an unknown size is the model's", () => {
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if (CongError.is(error)) return [error.code, error.hint];
    }
    return [];
  };
  expect(code(() => verify(withNodes([]), "fold"))).toEqual(["BROKEN_GRAPH", expect.stringMatching(/bug in Congling/)]);
  const misspelt = trace((builder) => builder.output("y", iota(builder, "lenght")));
  expect(code(() => verify(misspelt, "the model"))).toEqual([
    "UNBOUND_DIMENSION",
    expect.stringMatching(/spell the name/),
  ]);
});
