/** Cases of scan: carries, results, captured weights, both directions, and loops of a single step. */
import type { Tensor } from "../../graph/builder.ts";
import { add, mul } from "../../ops/binary.ts";
import { matmul } from "../../ops/matmul.ts";
import { concat, reshape, slice } from "../../ops/movement.ts";
import { dropout, randomSource } from "../../ops/random.ts";
import { logSumExp } from "../../ops/reduce.ts";
import { scan } from "../../ops/scan.ts";
import { cast } from "../../ops/select.ts";
import { tanh } from "../../ops/unary.ts";
import { given, ids, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

/** h ← tanh(x·W + h·U); x [T, B, 2], h [B, 3]. */
const cell = (h: Tensor, x: Tensor, w: Tensor, u: Tensor): Tensor => tanh(add(matmul(x, w), matmul(h, u)));

const recurrent = (reverse: boolean) => (tensors: Record<"h" | "x" | "w" | "u", Tensor>) => {
  const { carries, results } = scan(
    (_, [h], [x], [w, u]) => {
      const next = cell(h!, x!, w!, u!);
      return { carries: [next], results: [next] };
    },
    { carries: [tensors.h], sequences: [tensors.x], captured: [tensors.w, tensors.u], reverse },
  );
  return [carries[0]!, results[0]!];
};

const network = {
  h: normal(["batch", 3]),
  x: normal(["length", "batch", 2]),
  w: normal([2, 3]),
  u: normal([3, 3]),
};
const sizes = [
  { batch: 2, length: 3 },
  { batch: 1, length: 1 },
];

export const scanCases = {
  scan: [
    opCase(
      "running products",
      { x: given([4], [1, 2, 3, 4]), start: given([], [2]) },
      ({ x, start }) => {
        const forward = scan((_, [p], [v]) => ({ carries: [mul(p!, v!)], results: [mul(p!, v!), v!] }), {
          carries: [start],
          sequences: [x],
        });
        const backward = scan((_, [p], [v]) => ({ carries: [mul(p!, v!)], results: [p!] }), {
          carries: [start],
          sequences: [x],
          reverse: true,
        });
        return [...forward.carries, ...forward.results, ...backward.carries, ...backward.results];
      },
      {
        expected: [[48], [2, 4, 12, 48], [1, 2, 3, 4], [48], [48, 24, 8, 2]],
      },
    ),
    opCase("recurrent network", network, recurrent(false), { sizes }),
    opCase("recurrent network from the end", network, recurrent(true), { sizes }),
    opCase("only the last carry is used", network, (tensors) => recurrent(false)(tensors)[0]!, { sizes }),
    opCase("only the results are used", network, (tensors) => recurrent(true)(tensors)[1]!, { sizes }),
    opCase(
      "two carries, two sequences, a step counter",
      {
        a: normal([2]),
        b: normal([2]),
        x: normal([3, 2]),
        y: normal([3]),
      },
      ({ a, b, x, y }) => {
        const counter = cast(slice(y, 0, 0, 1), "int64");
        const { carries, results } = scan(
          (_, [p, q, n], [v, w]) => ({
            carries: [add(mul(p!, v!), q!), mul(q!, tanh(w!)), add(n!, 1)],
            results: [mul(cast(n!, "float32"), mul(p!, w!)), n!],
          }),
          { carries: [a, b, counter], sequences: [x, y] },
        );
        return [...carries, ...results];
      },
    ),
    opCase(
      "no carries",
      { x: normal(["length", 2]), w: normal([2]) },
      ({ x, w }) =>
        scan((_, __, [v], [k]) => ({ carries: [], results: [tanh(mul(v!, k!))] }), {
          carries: [],
          sequences: [x],
          captured: [w],
        }).results,
      { sizes: [{ length: 3 }, { length: 1 }] },
    ),
    opCase(
      "inside another",
      { x: normal([2, 3, 2]), h: normal([2]), w: normal([2, 2]) },
      ({ x, h, w }) =>
        scan(
          (_, [outer], [part], [weight]) => {
            const inner = scan(
              (__, [state], [row], [m]) => ({
                carries: [tanh(add(row!, reshape(matmul(reshape(state!, [1, 2]), m!), [2])))],
              }),
              { carries: [outer!], sequences: [part!], captured: [weight!] },
            );
            return { carries: inner.carries, results: inner.carries };
          },
          { carries: [h], sequences: [x], captured: [w] },
        ).results,
    ),
    // The forward algorithm of a linear-chain CRF: a hand-written gradient (logSumExp) inside the body.
    opCase(
      "hand-written gradients in the body",
      { emissions: normal(["length", 2, 3]), transitions: normal([3, 3]), start: normal([2, 3]) },
      ({ emissions, transitions, start }) => {
        const { carries } = scan(
          (_, [alpha], [emission], [move]) => {
            const paths = add(reshape(alpha!, [2, 3, 1]), move!);
            return { carries: [add(logSumExp(paths, { axes: 1 }), emission!)] };
          },
          { carries: [start], sequences: [emissions], captured: [transitions] },
        );
        return logSumExp(carries[0]!, { axes: 1 });
      },
      { sizes: [{ length: 3 }, { length: 1 }] },
    ),
    opCase(
      "dropout in the body",
      { x: normal([3, 4]), keys: ids([3, 2], 1000), w: normal([4]) },
      ({ x, keys, w }) =>
        scan((_, __, [v, key], [k]) => ({ carries: [], results: [dropout(mul(v!, k!), 0.5, randomSource(key!))] }), {
          carries: [],
          sequences: [x, keys],
          captured: [w],
        }).results,
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;

/** The same network, step by step without a scan; T must be 3. */
export const unrolled = (tensors: Record<"h" | "x" | "w" | "u", Tensor>): Tensor[] => {
  let { h } = tensors;
  const results: Tensor[] = [];
  for (let t = 0; t < 3; t++) {
    const x = slice(tensors.x, 0, t, t + 1);
    h = cell(h, reshape(x, x.shape.slice(1)), tensors.w, tensors.u);
    results.push(reshape(h, [1, ...h.shape]));
  }
  return [h, concat(results, 0)];
};

export const networkInputs = network;
export const looped = recurrent(false);
