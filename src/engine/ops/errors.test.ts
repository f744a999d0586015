/** Messages that people will meet: each names the op, what it got, and what to do next. */
import { describe, expect, test } from "vitest";
import { CongError } from "../../support/errors.ts";
import { gradients } from "../autodiff/gradients.ts";
import { referenceBackend } from "../backends/reference/index.ts";
import { type GraphBuilder, type Tensor, trace } from "../graph/builder.ts";
import { type DType, type HostTensor, hostTensor, toNumbers } from "../graph/dtype.ts";
import type { Shape } from "../graph/shape.ts";
import * as ops from "./index.ts";

type Make = (dtype: DType, shape: Shape) => Tensor;

/** The error of building a graph. */
function failure(build: (make: Make, builder: GraphBuilder) => unknown): CongError {
  let inputs = 0;
  try {
    trace((builder) => {
      build((dtype, shape) => builder.input(`input ${inputs++}`, dtype, shape), builder);
    });
  } catch (error) {
    if (CongError.is(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const f = "float32";

describe("while building", () => {
  test.each<[string, (make: Make, builder: GraphBuilder) => unknown, string, RegExp, RegExp]>([
    [
      "add of other shapes",
      (t) => ops.add(t(f, [2, 3]), t(f, [4])),
      "SHAPE_MISMATCH",
      /add: .*\[2, 3\] and \[4\]/,
      /aligned from the right/,
    ],
    [
      "add of other dtypes",
      (t) => ops.add(t(f, [2]), t("int64", [2])),
      "WRONG_DTYPE",
      /add: got float32\[2\] and int64\[2\]/,
      /cast/,
    ],
    [
      "add of half precision",
      (t) => ops.add(t("bfloat16", [2]), t("bfloat16", [2])),
      "WRONG_DTYPE",
      /add: got bfloat16/,
      /cast them to float32/,
    ],
    ["a fraction beside integers", (t) => ops.add(t("int32", [2]), 0.5), "WRONG_DTYPE", /0\.5 .*int32/, /cast/],
    ["only numbers", () => ops.add(1, 2), "NO_TENSOR", /add: all operands/, /numbers directly/],
    [
      "matmul sizes",
      (t) => ops.matmul(t(f, [2, 3]), t(f, [4, 5])),
      "SHAPE_MISMATCH",
      /matmul: .*\[2, 3\] by \[4, 5\].*3 and 4/,
      /transposeB/,
    ],
    [
      "matmul of vectors",
      (t) => ops.matmul(t(f, [3]), t(f, [3])),
      "SHAPE_MISMATCH",
      /matmul: .*\[3\] by \[3\]/,
      /rank 2/,
    ],
    [
      "exp of integers",
      (t) => ops.exp(t("int64", [2])),
      "WRONG_DTYPE",
      /exp: the input is int64\[2\]/,
      /cast\(x, "float32"\)/,
    ],
    ["an axis too far", (t) => ops.sum(t(f, [2, 3]), { axes: 2 }), "BAD_AXIS", /sum: axis 2 .*rank 2/, /-2 to 1/],
    ["mean of integers", (t) => ops.mean(t("int64", [2])), "WRONG_DTYPE", /mean: the input is int64/, /cast/],
    [
      "gather with floats",
      (t) => ops.gather(t(f, [2]), t(f, [1])),
      "WRONG_DTYPE",
      /gather: the index tensor is float32/,
      /cast\(x, "int32"\)/,
    ],
    [
      "scatterAdd of other rows",
      (t) => ops.scatterAdd(t(f, [4, 2]), t("int64", [3]), t(f, [2, 2])),
      "SHAPE_MISMATCH",
      /scatterAdd: indices \[3\] and updates \[2, 2\].*\[4, 2\]/,
      /\[3, 2\]/,
    ],
    [
      "takeAlongAxis of other rows",
      (t) => ops.takeAlongAxis(t(f, [4, 2]), t("int64", [3, 1])),
      "SHAPE_MISMATCH",
      /takeAlongAxis: indices \[3, 1\] .*\[4, 2\]/,
      /same shape/,
    ],
    ["topK of too many", (t) => ops.topK(t(f, [3]), 4), "BAD_ARGUMENT", /topK: k is 4.*3 elements/, /1 ≤ k/],
    ["topK of a fraction", (t) => ops.topK(t(f, [3]), 1.5), "BAD_ARGUMENT", /k is 1.5/, /1 ≤ k/],
    [
      "concat of other sizes",
      (t) => ops.concat([t(f, [2, 3]), t(f, [2, 4])], 0),
      "SHAPE_MISMATCH",
      /concat: .*float32\[2, 3\], float32\[2, 4\] along axis 0/,
      /equal/,
    ],
    ["concat of nothing", () => ops.concat([], 0), "NO_TENSOR", /concat/, /at least one/],
    [
      "split",
      (t) => ops.split(t(f, [5]), 0, [2, 2]),
      "SHAPE_MISMATCH",
      /split: sizes 2 \+ 2 make 4, axis 0 of \[5\] has 5/,
      /add up/,
    ],
    [
      "slice past the end",
      (t) => ops.slice(t(f, [5]), 0, 2, 6),
      "BAD_SLICE",
      /slice: \[2, 6\) is outside axis 0 of \[5\]/,
      /5 elements/,
    ],
    ["slice backwards", (t) => ops.slice(t(f, ["batch"]), 0, 3, 2), "BAD_SLICE", /slice: \[3, 2\)/, /batch elements/],
    ["negative pad", (t) => ops.pad(t(f, [5]), 0, -1, 0), "BAD_ARGUMENT", /pad: cannot add -1 before/, /slice/],
    ["expand", (t) => ops.expand(t(f, [2]), [3]), "SHAPE_MISMATCH", /expand: .*\[2\] and \[3\]/, /1/],
    [
      "transpose",
      (t) => ops.transpose(t(f, [2, 3]), [0, 0]),
      "BAD_AXIS",
      /transpose: order \[0,0\].*\[2, 3\]/,
      /exactly once/,
    ],
    [
      "reshape",
      (t) => ops.reshape(t(f, [2, 3]), [4, -1]),
      "SHAPE_MISMATCH",
      /reshape: .*\[2, 3\] into \[4, -1\]/,
      /6 elements/,
    ],
    [
      "where without a condition",
      (t) => ops.where(t(f, [2]), 1, t(f, [2])),
      "WRONG_DTYPE",
      /where: the condition is float32/,
      /cast\(x, "bool"\)/,
    ],
    [
      "rmsNorm of other channels",
      (t) => ops.rmsNorm(t(f, [2, 4]), t(f, [3])),
      "SHAPE_MISMATCH",
      /rmsNorm: weight \[3\] .*\[2, 4\]/,
      /per channel/,
    ],
    [
      "rotary of another length",
      (t) => ops.rotary(t(f, [1, 5, 2, 4]), t(f, [6, 2]), t(f, [6, 2])),
      "SHAPE_MISMATCH",
      /rotary: table \[6, 2\] .*\[1, 5, 2, 4\]/,
      /\[T, R\/2\]/,
    ],
    [
      "attention with odd groups",
      (t) => ops.attention(t(f, [1, 3, 2, 4]), t(f, [1, 2, 2, 4]), t(f, [1, 2, 2, 4])),
      "SHAPE_MISMATCH",
      /attention: q \[1, 3, 2, 4\]/,
      /multiple of G/,
    ],
    [
      "attention with keys of another batch",
      (t) => ops.attention(t(f, [2, 2, 2, 4]), t(f, [1, 2, 2, 4]), t(f, [1, 2, 2, 4])),
      "SHAPE_MISMATCH",
      /attention: q \[2, 2, 2, 4\], k \[1, 2, 2, 4\]/,
      /k \[B, G, S, D\]/,
    ],
    [
      "attention with a named head size",
      (t) => ops.attention(t(f, [1, 2, 2, "d"]), t(f, [1, 2, 2, "d"]), t(f, [1, 2, 2, "d"])),
      "UNBOUND_DIMENSION",
      /attention: the head size/,
      /options.scale/,
    ],
    [
      "crossEntropy in three axes",
      (t) => ops.crossEntropy(t(f, [2, 3, 4]), t("int64", [2, 3])),
      "SHAPE_MISMATCH",
      /crossEntropy: logits \[2, 3, 4\]/,
      /flatten/,
    ],
    [
      "label smoothing",
      (t) => ops.crossEntropy(t(f, [2, 4]), t("int64", [2]), { labelSmoothing: 2 }),
      "BAD_ARGUMENT",
      /labelSmoothing is 2/,
      /from 0 to 1/,
    ],
    [
      "dropout of everything",
      (t) => ops.dropout(t(f, [2]), 1, ops.randomSource(t("int64", [2]))),
      "BAD_ARGUMENT",
      /dropout: the rate is 1/,
      /below 1/,
    ],
    [
      "a key of one word",
      (t) => ops.randomUniform(t("int64", [1]), [2], 0),
      "SHAPE_MISMATCH",
      /randomBits: the key has shape \[1\]/,
      /seedKey/,
    ],
    [
      "scan without sequences",
      (t) => ops.scan((_, c) => ({ carries: c }), { carries: [t(f, [2])], sequences: [] }),
      "NO_TENSOR",
      /scan/,
      /at least one/,
    ],
    [
      "scan over other lengths",
      (t) =>
        ops.scan((_, __, [v]) => ({ carries: [], results: [v!] }), { carries: [], sequences: [t(f, [2]), t(f, [3])] }),
      "SHAPE_MISMATCH",
      /scan: sequence 1 has 3 steps, the first has 2/,
      /equal lengths/,
    ],
    [
      "scan whose carry grows",
      (t) =>
        ops.scan((_, [c]) => ({ carries: [ops.concat([c!, c!], 0)] }), {
          carries: [t(f, [2])],
          sequences: [t(f, [3])],
        }),
      "SHAPE_MISMATCH",
      /carry 0 starts as float32\[2\] and becomes float32\[4\]/,
      /keeps its dtype and shape/,
    ],
    [
      "a weight from outside a scan",
      (t) => {
        const w = t(f, [2]);
        return ops.scan((_, __, [v]) => ({ carries: [], results: [ops.mul(v!, w)] }), {
          carries: [],
          sequences: [t(f, [3, 2])],
        });
      },
      "FOREIGN_TENSOR",
      /float32\[2\] tensor of another graph/,
      /captured/,
    ],
    [
      "gradients of a vector",
      (t) => gradients(t(f, [2]), []),
      "NOT_SCALAR",
      /gradients: the loss is float32\[2\]/,
      /mean\(\) or sum\(\)/,
    ],
    [
      "a custom gradient of another shape",
      (t) => {
        const x = t(f, [3]);
        const [y] = ops.customGradient([ops.sum(x)], [x], ([g]) => [g]);
        return gradients(y!, [x]);
      },
      "BAD_GRADIENT",
      /rule of customGradient gives float32\[\] for input 1, which is float32\[3\]/,
      /sumTo/,
    ],
    [
      "a name used twice",
      (_, b) => [b.input("x", f, [1]), b.state("x", { dtype: f, shape: [1] })],
      "NAME_TAKEN",
      /"x" is used twice/,
      /rename/,
    ],
    [
      "assigning an input",
      (t, b) => b.assign(t(f, [1]), t(f, [1])),
      "NOT_STATE",
      /assign: the target is not a state/,
      /builder.state/,
    ],
    [
      "assigning twice",
      (t, b) => {
        const s = b.state("s", { dtype: f, shape: [1] });
        b.assign(s, t(f, [1]));
        b.assign(s, t(f, [1]));
      },
      "ASSIGNED_TWICE",
      /state "s" is assigned twice/,
      /combine/,
    ],
    [
      "assigning another shape",
      (t, b) => b.assign(b.state("s", { dtype: f, shape: [1] }), t(f, [2])),
      "SHAPE_MISMATCH",
      /state "s" is float32\[1\], the new value float32\[2\]/,
      /keeps/,
    ],
  ])("%s", (_, build, code, message, hint) => {
    const error = failure(build);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test("a foreign tensor", () => {
    let foreign: Tensor | undefined;
    trace((builder) => {
      foreign = builder.input("x", f, [2]);
    });
    expect(failure((t) => ops.add(t(f, [2]), foreign!)).code).toBe("FOREIGN_TENSOR");
    expect(failure((t) => gradients(ops.sum(t(f, [2])), [foreign!])).code).toBe("FOREIGN_TENSOR");
    expect(failure((_, b) => b.output("y", foreign!)).code).toBe("FOREIGN_TENSOR");
  });

  test("says where in the model", () => {
    const error = failure((t, b) =>
      b.scope("layers.3", () => b.scope("attention", () => ops.add(t(f, [2]), t(f, [3])))),
    );
    expect(error.message).toMatch(/add: .*\(in layers.3\/attention\)\n {2}hint/);
    expect(error.details).toMatchObject({ op: "add", scope: "layers.3/attention" });
  });
});

describe("while running", () => {
  const graph = trace((builder) => {
    const ids = builder.input("input_ids", "int64", ["batch", "length"]);
    const mask = builder.input("mask", f, ["batch", "length"]);
    const embedding = builder.state("embedding", { dtype: f, shape: [5, 2] });
    const x = builder.scope("embed", () => ops.gather(embedding, ids));
    builder.output("y", ops.mul(x, ops.reshape(mask, ["batch", "length", 1])));
  });
  const ids = (shape: number[], values: number[]) => hostTensor("int64", shape, values);
  const mask = hostTensor(f, [1, 2], [1, 1]);
  const table = hostTensor(f, [5, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

  async function runFailure(inputs: Record<string, HostTensor>, written = true): Promise<CongError> {
    const program = await referenceBackend().compile(graph);
    if (written) program.writeState("embedding", table);
    return program.run(inputs).then(
      () => {
        throw new Error("nothing was thrown");
      },
      (error: unknown) => {
        if (CongError.is(error)) return error;
        throw error;
      },
    );
  }

  test.each<[string, Record<string, HostTensor>, string, RegExp, RegExp]>([
    [
      "an id outside the vocabulary",
      { input_ids: ids([1, 2], [1, 5]), mask },
      "INDEX_OUT_OF_RANGE",
      /gather: index 5 at position 1 is outside \[0, 5\).*\(in embed\)/,
      /tokenizer/,
    ],
    [
      "a negative id",
      { input_ids: ids([1, 2], [-1, 0]), mask },
      "INDEX_OUT_OF_RANGE",
      /index -1 at position 0/,
      /vocabulary/,
    ],
    [
      "an empty batch",
      { input_ids: ids([0, 2], []), mask },
      "EMPTY_INPUT",
      /input "input_ids" has shape \[0, 2\]: axis 0 is empty/,
      /empty batches/,
    ],
    [
      "a misspelt name",
      { inputs_ids: ids([1, 2], [1, 2]), mask },
      "UNKNOWN_NAME",
      /unknown input "inputs_ids"/,
      /did you mean "input_ids"/,
    ],
    ["a missing input", { mask }, "MISSING_INPUT", /input "input_ids" is missing/, /input_ids, mask/],
    [
      "two lengths for one name",
      { input_ids: ids([1, 3], [1, 2, 3]), mask },
      "SHAPE_MISMATCH",
      /input "mask" has shape \[1, 2\], wanted \[batch, length\]/,
      /"length" = 3/,
    ],
    [
      "another rank",
      { input_ids: ids([2], [1, 2]), mask },
      "SHAPE_MISMATCH",
      /\[2\], wanted \[batch, length\]/,
      /rank 2/,
    ],
    [
      "another dtype",
      { input_ids: hostTensor("int32", [1, 2], [1, 2]), mask },
      "WRONG_DTYPE",
      /input "input_ids" is int32\[1, 2\], wanted int64/,
      /convert/,
    ],
  ])("%s", async (_, inputs, code, message, hint) => {
    const error = await runFailure(inputs);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test("state that was never written", async () => {
    const error = await runFailure({ input_ids: ids([1, 2], [1, 2]), mask }, false);
    expect([error.code, error.hint]).toEqual(["STATE_NOT_SET", expect.stringMatching(/writeState/)]);
  });

  test("a slice past a size that is known only now, and an integer divided by 0", async () => {
    const late = trace((builder) => {
      const x = builder.input("x", "int32", ["batch"]);
      builder.output("part", ops.slice(x, 0, 0, 3));
      builder.output("quotient", ops.div(7, x));
    });
    const program = await referenceBackend().compile(late);
    await expect(program.run({ x: hostTensor("int32", [2], [1, 2]) })).rejects.toThrow(
      /slice: \[0, 3\) is outside axis 0 of \[2\]/,
    );
    await expect(program.run({ x: hostTensor("int32", [3], [1, 0, 2]) })).rejects.toThrow(
      /div: an integer was divided by 0/,
    );
    const fine = await program.run({ x: hostTensor("int32", [3], [2, -2, 3]) });
    expect(toNumbers(fine.quotient!)).toEqual([3, -3, 2]);
  });
});
