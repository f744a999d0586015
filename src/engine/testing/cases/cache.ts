/** Cases of writing and reading a cache of keys and values. */
import { cacheAttention, cacheWrite } from "../../ops/cache.ts";
import { fixed, given, type InputSpec, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

const noGradient = { noDifferences: "no gradient on purpose" };
const at = (start: number): InputSpec => given([1], [start], "int64");
const values = (shape: readonly (number | string)[]): InputSpec => fixed(normal(shape));
const sizes = [
  { batch: 2, length: 3 },
  { batch: 1, length: 1 },
  { batch: 1, length: 5 },
];

/** Queries [batch, H, length, D] over a cache of 12 rows. */
const attention = (name: string, H: number, G: number, D: number, start: number): OpCase =>
  opCase(
    name,
    {
      q: values(["batch", H, "length", D]),
      k: values(["batch", G, 12, D]),
      v: values(["batch", G, 12, D]),
      start: at(start),
    },
    ({ q, k, v, start: first }) => cacheAttention(q, k, v, first),
    { sizes, ...noGradient },
  );

export const cacheCases = {
  cacheWrite: [
    opCase(
      "by hand",
      {
        cache: fixed(given([1, 2, 3, 1], [1, 2, 3, 4, 5, 6])),
        fresh: fixed(given([1, 2, 1, 1], [10, 20])),
        start: at(1),
      },
      ({ cache, fresh, start }) => cacheWrite(cache, fresh, start),
      { expected: [[1, 10, 3, 4, 20, 6]], ...noGradient },
    ),
    opCase(
      "rows beyond the capacity are lost",
      {
        cache: fixed(given([1, 1, 3, 2], [1, 2, 3, 4, 5, 6])),
        fresh: fixed(given([1, 1, 2, 2], [10, 20, 30, 40])),
        start: at(2),
      },
      ({ cache, fresh, start }) => cacheWrite(cache, fresh, start),
      { expected: [[1, 2, 3, 4, 10, 20]], ...noGradient },
    ),
    ...[0, 4, 7].map((start) =>
      opCase(
        `named sizes from row ${start}`,
        { cache: values(["batch", 3, 12, 5]), fresh: values(["batch", 3, "length", 5]), start: at(start) },
        ({ cache, fresh, start: first }) => cacheWrite(cache, fresh, first),
        { sizes, ...noGradient },
      ),
    ),
  ],
  cacheAttention: [
    attention("one group", 4, 1, 8, 0),
    attention("groups", 6, 2, 8, 3),
    attention("a head size for machine code", 8, 2, 64, 5),
    attention("every query its own head, to the end", 3, 3, 32, 7),
    opCase(
      "bias of the batch",
      {
        q: values(["batch", 4, "length", 32]),
        k: values(["batch", 2, 12, 32]),
        v: values(["batch", 2, 12, 32]),
        start: at(2),
        bias: values(["batch", 1, "length", 12]),
      },
      ({ q, k, v, start, bias }) => cacheAttention(q, k, v, start, { bias, scale: 0.3 }),
      { sizes, ...noGradient },
    ),
    opCase(
      "bias of the heads",
      {
        q: values(["batch", 4, "length", 32]),
        k: values(["batch", 2, 12, 32]),
        v: values(["batch", 2, 12, 32]),
        start: at(2),
        bias: values([4, 1, 12]),
      },
      ({ q, k, v, start, bias }) => cacheAttention(q, k, v, start, { bias }),
      { sizes, ...noGradient },
    ),
  ],
};
