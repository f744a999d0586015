/** A whole training step of a small language model, with elementwise ops fused and without. */
import { describe, expect, test } from "vitest";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { supportsMachineCode } from "../../src/engine/backends/x64/executable-memory.ts";
import { hostTensor, toNumbers } from "../../src/engine/index.ts";
import { decoderLoss, initDecoder } from "../../src/nn/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { adamw, trainStep } from "../../src/training/index.ts";

const model = { hidden: 96, layers: 2, heads: 3, feedForward: 256, vocabulary: 512 };
const [batch, length] = [4, 64];

async function losses(fuse: boolean): Promise<{ losses: number[]; fused: number }> {
  const step = trainStep({
    parameters: initDecoder(model, createRandom(0)),
    optimizer: adamw({ weightDecay: 0.1 }),
    clipNorm: 1,
    loss: (builder, tree) => ({
      loss: decoderLoss(
        tree,
        builder.input("tokens", "int32", [batch, length]),
        builder.input("targets", "int32", [batch, length]),
        model,
      ),
    }),
  });
  const program = await onnxruntimeBackend({ fuse }).compile(step.graph, { constants: step.constants });
  for (const [name, value] of step.initialState()) program.writeState(name, value);
  const ids = (shift: number) =>
    hostTensor(
      "int32",
      [batch, length],
      Array.from({ length: batch * length }, (_, i) => ((i + shift) * 7919 + 13) % model.vocabulary),
    );
  const feed = { tokens: ids(0), targets: ids(1), learningRate: hostTensor("float32", [], [1e-3]) };
  const seen: number[] = [];
  for (let i = 0; i < 6; i++) seen.push(toNumbers((await program.run(feed))["loss"]!)[0]!);
  await program.dispose();
  return { losses: seen, fused: program.graph.nodes.filter((node) => node.op === "fused").length };
}

describe.runIf(supportsMachineCode())("fused training step", () => {
  test("losses agree with the plain step, and two runs are bit-identical", async () => {
    const [fused, again, plain] = [await losses(true), await losses(true), await losses(false)];
    expect(fused.fused).toBeGreaterThan(10);
    expect(plain.fused).toBe(0);
    expect(again.losses).toEqual(fused.losses);
    expect(plain.losses.at(-1)!).toBeLessThan(plain.losses[0]! - 0.1);
    fused.losses.forEach((loss, i) => {
      expect(Math.abs(loss / plain.losses[i]! - 1), `step ${i}`).toBeLessThan(1e-5);
    });
  });
});
