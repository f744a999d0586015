/** Golden tests of layers run once per backend, and are skipped by name where the fixtures are missing. */
import { describe } from "vitest";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import type { Backend } from "../../src/engine/index.ts";

const backends: Readonly<Record<string, () => Backend>> = {
  reference: () => referenceBackend(),
  onnxruntime: () => onnxruntimeBackend(),
};

/** Describes the tests once per backend. */
export function describeBackends(title: string, isThere: boolean, tests: (backend: () => Backend) => void): void {
  for (const [name, make] of Object.entries(backends)) {
    describe.skipIf(!isThere)(`${title} on ${name} (skipped without shared/golden)`, () => tests(make));
  }
}
