/** Each rule on a file that keeps it and on one that does not. */
import { describe, expect, test } from "vitest";
import { complaintsAbout, longestFile, whyNot } from "./rules.ts";

describe("import direction", () => {
  test.each([
    ["src/nn/linear.ts", "src/engine/index.ts"],
    ["src/nn/linear.ts", "src/support/errors.ts"],
    ["src/training/loop.ts", "src/evaluation/index.ts"],
    ["src/nn/block.ts", "src/nn/attention.ts"],
    ["src/serving/app.ts", "src/inference/index.ts"],
    ["src/index.ts", "src/training/index.ts"],
    ["src/engine/ops/scan.ts", "src/engine/autodiff/gradients.ts"],
    ["src/engine/backends/onnxruntime/index.ts", "src/engine/passes/index.ts"],
    ["src/engine/backends/onnxruntime/index.ts", "src/engine/backends/contract.ts"],
    ["src/engine/backends/onnxruntime/custom-ops.ts", "src/engine/backends/x64/assembler.ts"],
    ["src/engine/ops/errors.test.ts", "src/engine/backends/reference/index.ts"],
  ])("%s may import %s", (from, to) => {
    expect(whyNot(from, to)).toBeUndefined();
  });

  test.each([
    ["src/engine/ops/add.ts", "src/nn/linear.ts", "nn is built on engine"],
    ["src/nn/linear.ts", "src/data/index.ts", "nn and data stand in one row"],
    ["src/inference/engine.ts", "src/training/index.ts", "training is built on inference"],
    ["src/support/files.ts", "src/index.ts", "for users of the package"],
    ["src/nn/linear.ts", "test/nn/fixture.ts", "src/ stands alone"],
    ["src/nn/linear.ts", "tools/golden.ts", "src/ stands alone"],
    ["src/magic/wand.ts", "src/support/errors.ts", "src/magic is in no row"],
    ["src/engine/graph/builder.ts", "src/engine/ops/add.ts", "ops comes after graph"],
    ["src/engine/ops/add.ts", "src/engine/passes/index.ts", "passes comes after ops"],
    ["src/engine/passes/fold.ts", "src/engine/index.ts", "for other rooms"],
    ["src/engine/passes/fold.ts", "src/engine/testing/cases.ts", "for tests"],
    [
      "src/engine/backends/onnxruntime/index.ts",
      "src/engine/backends/reference/index.ts",
      "backends do not know each other",
    ],
  ])("%s may not import %s", (from, to, reason) => {
    expect(whyNot(from, to)).toContain(reason);
  });

  test.each([
    'import { linear } from "../nn/linear.ts";',
    'import {\n  linear,\n  type Linear,\n} from "../nn/linear.ts";',
    'export * from "../nn/linear.ts";',
    'import "../nn/linear.ts";',
    'const room = await import("../nn/linear.ts");',
    'let x: import("../nn/linear.ts").Linear;',
  ])("is found in %j", (text) => {
    expect(complaintsAbout({ path: "src/support/a.ts", text })).toEqual([
      expect.stringContaining("src/support/a.ts imports src/nn/linear.ts: nn is built on support"),
    ]);
    expect(complaintsAbout({ path: "bench/a.ts", text })).toEqual([]);
  });
});

test("files end at the longest length", () => {
  const text = "x\n".repeat(longestFile);
  expect(complaintsAbout({ path: "test/a.ts", text })).toEqual([]);
  const [complaint] = complaintsAbout({ path: "test/a.ts", text: `${text}x` });
  expect(complaint).toContain("501 lines, at most 500");
});

test("names must say something", () => {
  for (const name of ["utils.ts", "helpers.test.ts", "common.mjs", "util.ts"]) {
    expect(complaintsAbout({ path: `src/nn/${name}`, text: "" })).toHaveLength(1);
  }
  expect(complaintsAbout({ path: "src/nn/common-neighbours.ts", text: "" })).toEqual([]);
});

test("random numbers are seeded, and comments may speak of others", () => {
  const call = ["const x = Math", "random();"].join(".");
  expect(complaintsAbout({ path: "bench/a.ts", text: `\n${call}` })).toEqual([
    expect.stringContaining("bench/a.ts:2:"),
  ]);
  expect(complaintsAbout({ path: "bench/a.ts", text: `// never: ${call}\n * ${call}` })).toEqual([]);
});
