/** Gradients of gradients: every differentiable case once more, as the gradient of Σ y²/2. */
import { expect, test } from "vitest";
import { functionCases, opCases } from "../../src/engine/testing/cases/index.ts";
import { checkDerivatives } from "../../src/engine/testing/check-gradients.ts";
import { differentiated, isDifferentiable, type OpCase } from "../../src/engine/testing/op-case.ts";

const cases = [
  ...Object.entries(opCases).flatMap(([op, list]) =>
    list.map((given): [string, OpCase] => [`${op}: ${given.name}`, given]),
  ),
  ...functionCases.map((given): [string, OpCase] => [given.name, given]),
].filter(([, given]) => isDifferentiable(given));

test("there are cases", () => expect(cases.length).toBeGreaterThan(200));

test.each(cases)("%s", (_, given) => checkDerivatives(differentiated(given)));
