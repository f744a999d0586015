import { expect, test } from "vitest";
import { cohenKappa, fleissKappa } from "./agreement.ts";
import { createLabeller, majority, readSchema } from "./schema.ts";

test("Cohen's kappa: the example of 50 applications (20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no) is 0.4", () => {
  const rows = [
    ...Array(20).fill(["y", "y"]),
    ...Array(5).fill(["y", "n"]),
    ...Array(10).fill(["n", "y"]),
    ...Array(15).fill(["n", "n"]),
  ] as [string, string][];
  expect(
    cohenKappa(
      rows.map(([a]) => a),
      rows.map(([, b]) => b),
    ),
  ).toBeCloseTo(0.4, 12);
  expect(cohenKappa(["a", undefined, "b"], ["a", "b", "b"])).toBe(1);
  expect(cohenKappa(["a"], ["a"])).toBeNaN();
});

test("Fleiss' kappa: the table of 10 items, 14 raters and 5 categories known from the literature is 0.210", () => {
  const table = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
  ];
  expect(fleissKappa(table)).toBeCloseTo(0.20993, 5);
  expect(() =>
    fleissKappa([
      [1, 1],
      [1, 2],
    ]),
  ).toThrow(/different numbers of raters/);
});

test("labellers: the first rule, the heavier words, longest word first, ties abstain", () => {
  const schema = readSchema({
    labels: ["正面", "负面"],
    labellers: [
      {
        name: "rules",
        rules: [
          { label: "负面", pattern: "不(好|干净)" },
          { label: "正面", pattern: "好" },
        ],
      },
      { name: "words", lexicon: { 正面: ["好", "干净"], 负面: { 不好: 1, 太差: 3 } } },
    ],
  });
  const [rules, words] = schema.labellers.map((spec) => createLabeller(spec, schema.labels));
  expect(["不好", "好", "无"].map((text) => rules!(text))).toEqual(["负面", "正面", undefined]);
  expect(["不好", "干净又好", "干净但是太差", "好但不好", "无"].map((text) => words!(text))).toEqual([
    "负面",
    "正面",
    "负面",
    undefined,
    undefined,
  ]);
  expect(majority(["a", "b", "a", undefined])).toBe("a");
  expect(majority(["a", "b"])).toBeUndefined();
});

test.each([
  [{ labels: ["a"], labellers: [] }, /two names or more/],
  [{ labels: ["a", "b"], labellers: [{ name: "x", rules: [{ label: "c", pattern: "x" }] }] }, /label "c"/],
  [{ labels: ["a", "b"], labellers: [{ name: "x", rules: [{ label: "a", pattern: "(" }] }] }, /labeller "x"/],
  [{ labels: ["a", "b"], labellers: [{ name: "x", rules: [null] }] }, /rule 1 of "x" has no label and pattern/],
  [
    { labels: ["a", "b"], labellers: [{ name: "x", rules: [{ label: "a" }] }] },
    /rule 1 of "x" has no label and pattern/,
  ],
  [{ labels: ["a", "b"], labellers: [{ name: "x", lexicon: null }] }, /lexicon of "x" is null/],
  [{ labels: ["a", "b"], labellers: [{ name: "x", lexicon: { a: "好" } }] }, /words of "a" are text, wanted a list/],
])("a wrong schema is refused: %j", (schema, reason) => {
  expect(() => readSchema(schema)).toThrow(reason);
});
