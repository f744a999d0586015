/** The printed form, as people will read it in reports. */
import { expect, test } from "vitest";
import { add } from "../ops/binary.ts";
import { constant } from "../ops/emit.ts";
import { matmul } from "../ops/matmul.ts";
import { scan } from "../ops/scan.ts";
import { trace } from "./builder.ts";
import { printGraph } from "./print.ts";

test("prints sources, nodes with parameters and scopes, and results", () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", ["batch", 2]);
    const w = builder.state("w", { dtype: "float32", shape: [3, 2] });
    const c = builder.constants("c", { dtype: "float32", shape: [3] });
    const y = builder.scope("layers.0", () => add(matmul(x, w, { transposeB: true }), c));
    builder.output("y", y);
    builder.assign(w, add(w, constant(w, "float32", [2], [1, 2])));
  });
  expect(printGraph(graph)).toBe(
    [
      'input %0 "x" : float32[batch, 2]',
      'state %1 "w" : float32[3, 2] <- %6',
      'constant %2 "c" : float32[3]',
      "%3 = matmul(%0, %1) {transposeA: false, transposeB: true, scale: 1} : float32[batch, 3]   # layers.0",
      "%4 = add(%3, %2) : float32[batch, 3]   # layers.0",
      "%5 = constant() {value: [1, 2]} : float32[2]",
      "%6 = add(%1, %5) : float32[3, 2]",
      'output %4 "y" : float32[batch, 3]',
    ].join("\n"),
  );
});

test("shortens long literals and bodies", () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", [9]);
    const long = constant(x, "float32", [9], Array(9).fill(1));
    const { carries } = scan((_, [c], [v]) => ({ carries: [add(c!, v!)] }), {
      carries: [constant(x, "float32", [], [0])],
      sequences: [add(x, long)],
    });
    builder.output("y", carries[0]!);
  });
  expect(printGraph(graph)).toContain("{value: [1, 1, 1, 1, 1, 1, 1, 1, …]}");
  expect(printGraph(graph)).toContain("body: graph of 1 nodes");
});
