import { expect, it } from "vitest";
import { bootstrapMean } from "../metrics/index.ts";
import { type ChoiceResult, choiceFigures, generationFigures } from "./summary.ts";
import type { GenerationTask } from "./task.ts";

/** The first choice is likely anywhere (−1); the context makes the second, right one likelier than it is alone (−6 → −2). */
const common: ChoiceResult = { id: "a", answer: 1, logProbabilities: [-1, -2], bytes: [1, 1], alone: [-1, -6] };
/** Context and choice tell the same tale: right every way. */
const plain: ChoiceResult = { id: "b", answer: 0, logProbabilities: [-1, -4], bytes: [1, 1], alone: [-3, -4] };

const valuesOf = (results: readonly ChoiceResult[]) =>
  Object.fromEntries(choiceFigures(results, 0).map(({ name, value }) => [name, value]));

it("compares by what the context adds, where a common choice misleads plain likelihood", () => {
  expect(valuesOf([common, plain])).toEqual({ accuracy: 0.5, accuracy_per_byte: 0.5, accuracy_by_information: 1 });
});

it("leaves that figure out where the choices were not asked alone", () => {
  const { alone: _, ...without } = plain;
  expect(Object.keys(valuesOf([common, without]))).toEqual(["accuracy", "accuracy_per_byte"]);
});

it("gives shares an interval with width where every item came out alike, and leaves the others to the bootstrap", () => {
  const right = Array.from({ length: 100 }, (_, i): ChoiceResult => ({ ...plain, id: `${i}` }));
  expect(choiceFigures(right, 0)[0]).toMatchObject({ value: 1, low: expect.closeTo(0.963, 4), high: 1 });
  const figuresOf = (values: readonly number[]) => {
    const task = { scores: { good: { title: "good", titleZh: "好" } } } as unknown as GenerationTask;
    const results = values.map((good, i) => ({ id: `${i}`, output: "", scores: { good } }));
    return generationFigures(task, [], results, 0)[0];
  };
  expect(figuresOf(new Array<number>(100).fill(0))).toMatchObject({ value: 0, low: 0, high: expect.closeTo(0.037, 4) });
  const mixed = [0, 1, 0.5, 1];
  const { value, low, high } = bootstrapMean(mixed, { seed: 0 });
  expect(figuresOf(mixed)).toMatchObject({ value, low, high });
  expect(figuresOf([0.5, 0.5])).toMatchObject({ value: 0.5, low: 0.5, high: 0.5 });
});
