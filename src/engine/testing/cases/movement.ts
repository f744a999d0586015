/** Cases of the ops that move elements, and of those that read and add at indices. */
import { addDims } from "../../graph/dims.ts";
import { addAlongAxis, gather, moveAxis, oneHot, scatterAdd, takeAlongAxis, topK } from "../../ops/gather.ts";
import { concat, expand, flip, pad, reshape, slice, split, stack, transpose } from "../../ops/movement.ts";
import { fixed, flags, given, ids, normal, spread } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

const lengths = [
  { batch: 2, length: 3 },
  { batch: 3, length: 1 },
];
const counting = Array.from({ length: 6 }, (_, i) => i);

export const movementCases = {
  reshape: [
    opCase("numbers", { x: normal([2, 3]) }, ({ x }) => [reshape(x, [3, 2]), reshape(x, [-1]), reshape(x, [1, 6, 1])]),
    opCase(
      "names",
      { x: normal(["batch", "length", 4]) },
      ({ x }) => [reshape(x, [-1, 4]), reshape(x, ["batch", "length", 2, 2]), reshape(x, [2, -1])],
      { sizes: lengths },
    ),
    opCase("integers and truth values", { i: ids([4], 9), b: flags([4]) }, ({ i, b }) => [
      reshape(i, [2, 2]),
      reshape(b, [2, 2]),
    ]),
    opCase("to a scalar and back", { x: normal([1, 1]) }, ({ x }) => [reshape(x, []), reshape(reshape(x, []), [1])]),
  ],
  transpose: [
    opCase("reversed", { x: given([2, 3], counting) }, ({ x }) => transpose(x), { expected: [[0, 3, 1, 4, 2, 5]] }),
    opCase("cycles", { x: normal([2, 3, 4]) }, ({ x }) => [transpose(x, [1, 2, 0]), transpose(x, [2, 0, 1])]),
    opCase(
      "heads",
      { x: normal(["batch", "length", 2, 3]) },
      ({ x }) => [transpose(x, [0, 2, 1, 3]), moveAxis(x, -1, 1)],
      {
        sizes: lengths,
      },
    ),
    opCase("negative axes, integers", { x: ids([2, 3], 9) }, ({ x }) => transpose(x, [-1, 0])),
  ],
  slice: [
    opCase(
      "values",
      { x: given([2, 3], counting) },
      ({ x }) => [slice(x, 1, 1), slice(x, -1, 0, -1), slice(x, 0, -1)],
      {
        expected: [
          [1, 2, 4, 5],
          [0, 1, 3, 4],
          [3, 4, 5],
        ],
      },
    ),
    opCase(
      "named",
      { x: normal(["batch", addDims("length", 2), 2]), like: fixed(normal(["length"])) },
      ({ x }) => [slice(x, 1, "length"), slice(x, 1, 0, "length"), slice(x, 1, 1, -1)],
      { sizes: lengths },
    ),
    opCase("parts", { x: normal([2, 6]) }, ({ x }) => split(x, 1, [1, 2, 3])),
    opCase("integers", { x: ids([5], 9, "int32") }, ({ x }) => slice(x, 0, 1, 3)),
  ],
  pad: [
    opCase("values", { x: given([2, 2], [1, 2, 3, 4]) }, ({ x }) => [pad(x, 1, 1, 0), pad(x, 0, 0, 1, 9)], {
      expected: [
        [0, 1, 2, 0, 3, 4],
        [1, 2, 3, 4, 9, 9],
      ],
    }),
    opCase(
      "named",
      { x: normal(["batch", "length", 2]) },
      ({ x }) => [pad(x, -2, "length", 1), pad(x, 0, 2, "batch", -1.5)],
      {
        sizes: lengths,
      },
    ),
    opCase("int64", { x: given([2], [1, 2], "int64") }, ({ x }) => pad(x, 0, 1, 1, -100), {
      expected: [[-100, 1, 2, -100]],
    }),
  ],
  concat: [
    opCase("axes", { a: normal([2, 3]), b: normal([2, 3]) }, ({ a, b }) => [concat([a, b], 0), concat([a, b, a], -1)]),
    opCase(
      "named",
      { a: normal(["batch", "length", 2]), b: normal(["batch", 2, 2]) },
      ({ a, b }) => concat([a, b], 1),
      {
        sizes: lengths,
      },
    ),
    opCase(
      "stack",
      { a: given([2], [1, 2]), b: given([2], [3, 4]) },
      ({ a, b }) => [stack([a, b], 0), stack([a, b], -1)],
      {
        expected: [
          [1, 2, 3, 4],
          [1, 3, 2, 4],
        ],
      },
    ),
    opCase("integers", { a: ids([2], 9), b: ids([3], 9) }, ({ a, b }) => concat([a, b], 0)),
  ],
  expand: [
    opCase("axes of size 1 and new axes", { x: normal([2, 1]) }, ({ x }) => [expand(x, [2, 3]), expand(x, [2, 2, 2])]),
    opCase("named", { x: normal([1, 2]), like: normal(["batch", 2]) }, ({ x, like }) => expand(x, like.shape), {
      sizes: [{ batch: 3 }, { batch: 1 }],
    }),
    opCase("scalar", { x: normal([]) }, ({ x }) => expand(x, [2, 2])),
  ],
  flip: [
    opCase("values", { x: given([2, 3], counting) }, ({ x }) => [flip(x, 1), flip(x, -2)], {
      expected: [
        [2, 1, 0, 5, 4, 3],
        [3, 4, 5, 0, 1, 2],
      ],
    }),
    opCase("named", { x: normal(["batch", "length", 2]) }, ({ x }) => flip(x, 1), { sizes: lengths }),
    opCase("integers", { x: ids([4], 9) }, ({ x }) => flip(x, 0)),
  ],
} satisfies Record<string, readonly OpCase[]>;

export const gatherCases = {
  gather: [
    opCase("rows, repeated", { x: normal([4, 3]), i: given([2, 3], [3, 0, 3, 1, 3, 0], "int64") }, ({ x, i }) =>
      gather(x, i),
    ),
    opCase("last axis", { x: normal([2, 4]), i: given([3], [2, 2, 0], "int32") }, ({ x, i }) => gather(x, i, -1)),
    opCase("middle axis, matrix of indices", { x: normal([2, 3, 2]), i: ids([2, 2], 3) }, ({ x, i }) =>
      gather(x, i, 1),
    ),
    opCase("one index without axes", { x: normal([3, 2]), i: given([], [2], "int64") }, ({ x, i }) => gather(x, i)),
    opCase("named", { x: normal([5, 2]), i: ids(["batch", "length"], 5) }, ({ x, i }) => gather(x, i), {
      sizes: lengths,
    }),
    opCase(
      "along an axis of a sum of names",
      {
        x: normal([3, addDims("length", 1)]),
        i: given([2], [1, 1], "int64"),
        like: fixed(normal(["length"])),
      },
      ({ x, i }) => gather(x, i),
      { sizes: lengths },
    ),
    opCase("of integers", { x: ids([4], 9), i: ids([2], 4) }, ({ x, i }) => gather(x, i)),
  ],
  scatterAdd: [
    opCase("repeated", { x: normal([3, 2]), i: given([4], [2, 0, 2, 2], "int64"), u: normal([4, 2]) }, ({ x, i, u }) =>
      scatterAdd(x, i, u),
    ),
    opCase(
      "last axis, int32",
      { x: normal([2, 3]), i: given([2], [1, 1], "int32"), u: normal([2, 2]) },
      ({ x, i, u }) => scatterAdd(x, i, u, -1),
    ),
    opCase("middle axis", { x: normal([2, 3, 2]), i: ids([4], 3), u: normal([2, 4, 2]) }, ({ x, i, u }) =>
      scatterAdd(x, i, u, 1),
    ),
    opCase(
      "named",
      { x: normal([5, 2]), i: ids(["batch"], 5), u: normal(["batch", 2]) },
      ({ x, i, u }) => scatterAdd(x, i, u),
      {
        sizes: [{ batch: 7 }, { batch: 1 }],
      },
    ),
    // Many rows onto few ids: where threads that add at the same place would lose updates.
    opCase(
      "4,096 rows onto 3 ids",
      { x: fixed(normal([3, 2])), i: ids([4096], 3), u: fixed(normal([4096, 2])) },
      ({ x, i, u }) => scatterAdd(x, i, u),
      { tolerance: { relative: 1e-4, reason: "sums of a thousand numbers in another order" } },
    ),
  ],
  takeAlongAxis: [
    opCase(
      "last axis, repeated",
      { x: normal([2, 3]), i: given([2, 4], [0, 0, 2, 1, 1, 1, 1, 0], "int64") },
      ({ x, i }) => takeAlongAxis(x, i),
    ),
    opCase("first axis", { x: normal([3, 2]), i: ids([2, 2], 3, "int32") }, ({ x, i }) => takeAlongAxis(x, i, 0)),
    opCase("middle axis", { x: normal([2, 3, 2]), i: ids([2, 2, 2], 3) }, ({ x, i }) => takeAlongAxis(x, i, 1)),
    opCase("named", { x: normal(["batch", 4]), i: ids(["batch", 1], 4) }, ({ x, i }) => takeAlongAxis(x, i), {
      sizes: [{ batch: 3 }, { batch: 1 }],
    }),
  ],
  addAlongAxis: [
    opCase(
      "repeated",
      {
        x: normal([2, 3]),
        i: given([2, 4], [0, 0, 2, 1, 1, 1, 1, 0], "int64"),
        u: normal([2, 4]),
      },
      ({ x, i, u }) => addAlongAxis(x, i, u),
    ),
    opCase("first axis", { x: normal([3, 2]), i: ids([2, 2], 3, "int32"), u: normal([2, 2]) }, ({ x, i, u }) =>
      addAlongAxis(x, i, u, 0),
    ),
    opCase(
      "named",
      { x: normal(["batch", 4]), i: ids(["batch", 1], 4), u: normal(["batch", 1]) },
      ({ x, i, u }) => addAlongAxis(x, i, u),
      { sizes: [{ batch: 3 }, { batch: 1 }] },
    ),
  ],
  topKIndices: [
    opCase(
      "values",
      { x: given([2, 4], [1, 4, 2, 3, -1, -4, -2, -3]) },
      ({ x }) => {
        const { values, indices } = topK(x, 2);
        return [values, indices];
      },
      {
        expected: [
          [4, 3, -1, -2],
          [1, 3, 0, 2],
        ],
      },
    ),
    opCase("first axis", { x: spread([4, 2]) }, ({ x }) => topK(x, 3, 0).values),
    opCase("named", { x: spread(["batch", 5]) }, ({ x }) => topK(x, 2).values, { sizes: [{ batch: 2 }, { batch: 3 }] }),
    opCase("the first of equals", { x: given([4], [1, 3, 3, 3]) }, ({ x }) => topK(x, 2).indices, {
      expected: [[1, 2]],
      noDifferences: "a tie",
    }),
  ],
  iota: [
    opCase(
      "one-hot",
      { i: given([3], [2, 0, 1], "int64"), j: given([1], [1], "int32") },
      ({ i, j }) => [oneHot(i, 3), oneHot(j, 2, "int64")],
      {
        expected: [
          [0, 0, 1, 1, 0, 0, 0, 1, 0],
          [0, 1],
        ],
      },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;
