/**
 * The sweep over backends: every op case and every function case, outputs and gradients, against the float64 reference
 * and against a finite difference of the backend's own. Sizes change between runs of one compiled program.
 */
import { describe, test } from "vitest";
import { knownDifferences, testedBackends } from "../../src/engine/testing/backends.ts";
import { functionCases, opCases } from "../../src/engine/testing/cases/index.ts";
import { checkGradients } from "../../src/engine/testing/check-gradients.ts";
import type { OpCase } from "../../src/engine/testing/op-case.ts";

const groups: [string, readonly OpCase[]][] = [...Object.entries(opCases), ["functions", functionCases]];

describe.each(await testedBackends())("$name", ({ name, backend, missing }) => {
  describe.skipIf(backend === undefined)(missing ?? "runs", () => {
    describe.each(groups)("%s", (group, cases) => {
      for (const given of cases) {
        const declare = knownDifferences[name]?.[`${group}: ${given.name}`] === undefined ? test : test.fails;
        declare(given.name, () => checkGradients(backend!, given));
      }
    });
  });
});
