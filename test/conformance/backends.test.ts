/**
 * The sweep over backends: every op case and every function case, outputs and gradients, against the float64 reference
 * and against a finite difference of the backend's own. Sizes change between runs of one compiled program.
 */
import { describe, test } from "vitest";
import { testedBackends } from "../../src/engine/testing/backends.ts";
import { functionCases, opCases } from "../../src/engine/testing/cases/index.ts";
import { checkGradients } from "../../src/engine/testing/check-gradients.ts";
import type { OpCase } from "../../src/engine/testing/op-case.ts";

const groups: [string, readonly OpCase[]][] = [...Object.entries(opCases), ["functions", functionCases]];

describe.each(await testedBackends())("$name", ({ backend, missing }) => {
  describe.skipIf(backend === undefined)(missing ?? "runs", () => {
    describe.each(groups)("%s", (_, cases) => {
      test.each(cases.map((given) => [given.name, given] as const))("%s", (__, given) =>
        checkGradients(backend!, given),
      );
    });
  });
});
