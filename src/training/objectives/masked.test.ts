import { expect, it } from "vitest";
import { createRandom } from "../../support/random.ts";
import { maskedSample } from "./masked.ts";
import { ignored } from "./samples.ts";

const options = { mask: 1, vocabulary: 1000, special: new Set([0, 1]), ratio: 0.15 };
const text = [0, ...Array.from({ length: 10_000 }, (_, i) => 2 + (i % 900)), 0];

it("asks for 15 % and shows 80 % of them as [MASK], 10 % as another token, 10 % as they are", () => {
  const { ids, targets } = maskedSample(text, options, createRandom(1));
  const asked = [...targets.keys()].filter((i) => targets[i] !== ignored);
  expect(asked).toHaveLength(1500);
  for (const i of asked) expect(targets[i]).toBe(text[i]);
  const masked = asked.filter((i) => ids[i] === 1).length / asked.length;
  const same = asked.filter((i) => ids[i] === text[i]).length / asked.length;
  expect(Math.abs(masked - 0.8)).toBeLessThan(0.04);
  expect(Math.abs(same - 0.1)).toBeLessThan(0.03);
  expect([...ids.keys()].every((i) => targets[i] !== ignored || ids[i] === text[i])).toBe(true);
});

it("never asks for or draws special tokens, and asks for one of a short text", () => {
  const { ids, targets } = maskedSample([0, 5, 0], options, createRandom(2));
  expect(targets).toEqual([ignored, 5, ignored]);
  expect(ids[0]).toBe(0);
  expect(maskedSample([0, 0], options, createRandom(2)).targets).toEqual([ignored, ignored]);
});
