/**
 * Optimizers against ten steps of torch.optim (PyTorch 2.11), recorded in shared/golden/optimizers.safetensors beside the
 * program that made them. The comparison itself is tools/golden/optimizers.ts; it runs the whole training step.
 */
import { describe, expect, test } from "vitest";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import { optimizerRuns, recordedRuns, trajectory, trajectoryError } from "../../tools/golden/optimizers.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";

const file = "optimizers.safetensors";
const isThere = hasGolden(file);
const golden = isThere ? readGolden(file) : {};

describe.skipIf(!isThere)("optimizers equal torch.optim (skipped without shared/golden)", () => {
  const backends = [referenceBackend(), onnxruntimeBackend()];

  test("every recorded optimizer is compared", () => {
    expect(Object.keys(optimizerRuns).sort()).toEqual(recordedRuns(golden).sort());
  });

  describe.each(backends)("$name", (backend) => {
    test.each(Object.entries(optimizerRuns))("%s", async (name, { config, learningRate }) => {
      const got = await trajectory(golden, backend, config, learningRate);
      expect(trajectoryError(golden, got, name)).toBeLessThan(1e-5);
    });
  });

  test("the scale of the gradient cancels in every optimizer: loss scaling gives the same trajectories", async () => {
    const extra = { lossScale: true, clipNorm: 1e6 } as const;
    for (const [name, { config, learningRate }] of Object.entries(optimizerRuns)) {
      const got = await trajectory(golden, referenceBackend(), config, learningRate, extra);
      expect(trajectoryError(golden, got, name), name).toBeLessThan(1e-5);
    }
  });

  test("Muon in float32 is PyTorch's up to the rounding of bfloat16, which has 8 bits", async () => {
    const got = await trajectory(golden, referenceBackend(), { name: "muon" }, 0.02);
    const error = trajectoryError(golden, got, "muon");
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(1e-3);
  });
});
