/** Every op case in float64: independent values, and gradients by finite differences. */
import { describe, expect, test } from "vitest";
import { functionCases, opCases } from "../testing/cases/index.ts";
import { checkDerivatives } from "../testing/check-gradients.ts";
import { caseGraph } from "../testing/op-case.ts";

describe.each(Object.entries(opCases))("%s", (op, cases) => {
  test.each(cases.map((given) => [given.name, given] as const))("%s", (_, given) => {
    checkDerivatives(given);
  });
  test("is what its cases run", () => {
    expect(cases.length).toBeGreaterThan(0);
    for (const given of cases) expect(caseGraph(given, false).nodes.map((node) => node.op)).toContain(op);
  });
});

test.each(functionCases.map((given) => [given.name, given] as const))("%s", (_, given) => checkDerivatives(given));
