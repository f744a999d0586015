import { describe, expect, it } from "vitest";
import { createRandom } from "../../support/random.ts";
import {
  type BlankIds,
  type BlankMode,
  type Blanks,
  causalBlankSample,
  drawBlanks,
  twoRowBlankSample,
} from "./blank-infilling.ts";

const tokens: BlankIds = { mask: 900, sentenceMask: 901, generationMask: 902, start: 903, end: 904 };
const text = Array.from({ length: 100 }, (_, i) => i);
const endsSentence = (id: number) => id % 10 === 9;
const only = (mode: BlankMode) => ({ token: 0, sentence: 0, generation: 0, [mode]: 1 });
const draw = (mode: BlankMode, seed: number) =>
  drawBlanks(text, tokens, { modes: only(mode), endsSentence }, createRandom(seed));

/** Puts the spans back in the place of their masks. */
function restore({ partA, spans }: Blanks): number[] {
  const at = new Map(spans.map(({ maskPosition, ids }) => [maskPosition, ids]));
  return partA.flatMap((id, i) => at.get(i) ?? [id]);
}

describe.each<BlankMode>(["token", "sentence", "generation"])("%s mode", (mode) => {
  it("loses nothing, whatever is drawn", () => {
    for (let seed = 0; seed < 50; seed++) expect(restore(draw(mode, seed))).toEqual(text);
  });

  it("uses its own mask, once a span", () => {
    const mask = { token: 900, sentence: 901, generation: 902 }[mode];
    const { partA, spans } = draw(mode, 1);
    expect(partA.filter((id) => id >= 900)).toEqual(spans.map(() => mask));
  });
});

it("covers 15 % with spans of mean length 3 that never touch", () => {
  const lengths: number[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const { partA, spans } = draw("token", seed);
    expect(spans.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(15);
    expect(partA.some((id, i) => id >= 900 && partA[i - 1]! >= 900)).toBe(false);
    lengths.push(...spans.map(({ ids }) => ids.length));
  }
  // Poisson(3) without 0 has mean 3.157; the last span of a text is cut, which lowers it a little.
  const mean = lengths.reduce((sum, each) => sum + each, 0) / lengths.length;
  expect(mean).toBeGreaterThan(2.6);
  expect(mean).toBeLessThan(3.3);
});

it("takes whole sentences", () => {
  for (const { ids } of draw("sentence", 4).spans) {
    expect(ids[0]! % 10).toBe(0);
    expect(ids.at(-1)! % 10).toBe(9);
  }
});

it("cuts the end off in about half of the generations, at least a quarter of the text", () => {
  let suffixes = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { partA, spans } = draw("generation", seed);
    expect(spans).toHaveLength(1);
    expect(spans[0]!.ids.length).toBeGreaterThanOrEqual(25);
    if (partA.at(-1) === tokens.generationMask) suffixes++;
  }
  expect(suffixes).toBeGreaterThan(120);
  expect(suffixes).toBeLessThan(190);
});

it("lays out the example of the paper's figure", () => {
  // x1 … x6 with the spans [x3] and [x5, x6], the second written first (Du et al. 2022, figure 2).
  const blanks: Blanks = {
    mode: "token",
    partA: [1, 2, 900, 4, 900],
    spans: [
      { maskPosition: 4, ids: [5, 6] },
      { maskPosition: 2, ids: [3] },
    ],
  };
  const sample = twoRowBlankSample(blanks, tokens);
  expect(sample.ids).toEqual([1, 2, 900, 4, 900, 903, 5, 6, 903, 3]);
  expect(sample.targets).toEqual([-100, -100, -100, -100, -100, 5, 6, 904, 3, 904]);
  expect(sample.positions).toEqual([
    [0, 1, 2, 3, 4, 4, 4, 4, 2, 2],
    [0, 0, 0, 0, 0, 1, 2, 3, 1, 2],
  ]);
  expect(sample.prefixLength).toBe(5);
  expect(causalBlankSample(blanks, tokens)).toEqual({ ids: sample.ids, targets: sample.targets });
});

it("refuses texts without room for a blank", () => {
  expect(() => drawBlanks([1], tokens, {}, createRandom(0))).toThrow(/a text of 1 tokens/);
});
