import { expect, it } from "vitest";
import { createRandom } from "../../support/random.ts";
import { trainTrigram, trigramBits } from "./trigram.ts";

it("gives probabilities that sum to one after any history, seen or not", () => {
  const random = createRandom(1);
  const size = 30;
  const draw = () => 1 + Math.floor((size - 1) * random.uniform() ** 3);
  const model = trainTrigram(
    Array.from({ length: 200 }, () => Array.from({ length: 12 }, draw)),
    size,
  );
  for (const [first, second] of [
    [0, 0],
    [0, 3],
    [1, 2],
    [29, 28],
    [5, 29],
  ] as const) {
    let sum = 0;
    for (let token = 0; token < size; token++) {
      const p = model(first, second, token);
      expect(p).toBeGreaterThan(0);
      sum += p;
    }
    expect(sum).toBeCloseTo(1, 10);
  }
});

it("needs fewer bits for text like what it learned", () => {
  const random = createRandom(2);
  const text = () =>
    Array.from({ length: 40 }, () => "天地玄黄宇宙洪荒日月盈昃"[Math.floor(12 * random.uniform() ** 2)]).join("");
  const learned = Array.from({ length: 100 }, text);
  expect(trigramBits(learned, learned.slice(0, 10))).toBeLessThan(
    trigramBits(learned, Array.from({ length: 10 }, text)),
  );
});
