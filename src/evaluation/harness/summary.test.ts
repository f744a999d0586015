import { expect, it } from "vitest";
import { type ChoiceResult, choiceFigures } from "./summary.ts";

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
