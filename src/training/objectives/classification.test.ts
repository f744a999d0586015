import { expect, it } from "vitest";
import { referenceBackend } from "../../engine/backends/reference/index.ts";
import { hostTensor, toNumbers, trace } from "../../engine/index.ts";
import { classificationLoss } from "./classification.ts";

const run = async (targets: number[], labelSmoothing?: number) => {
  const graph = trace((builder) => {
    const logits = builder.input("logits", "float32", [2, 2]);
    const labels = builder.input("labels", "int64", [2]);
    const { loss, metrics } = classificationLoss(
      logits,
      labels,
      labelSmoothing === undefined ? {} : { labelSmoothing },
    );
    builder.output("loss", loss);
    builder.output("accuracy", metrics!["accuracy"]!);
  });
  const program = await referenceBackend().compile(graph);
  const logits = hostTensor("float32", [2, 2], [0, Math.log(3), 0, Math.log(3)]); // probabilities 1/4 and 3/4 twice
  const { loss, accuracy } = await program.run({ logits, labels: hostTensor("int64", [2], targets) });
  await program.dispose();
  return { loss: toNumbers(loss!)[0]!, accuracy: toNumbers(accuracy!)[0]! };
};

it("is the mean of −log p of the labels, with the share of right answers", async () => {
  const { loss, accuracy } = await run([1, 0]);
  expect(loss).toBeCloseTo((Math.log(4 / 3) + Math.log(4)) / 2, 6);
  expect(accuracy).toBe(0.5);
});

it("spreads the smoothed share over all classes", async () => {
  const [near, far] = [Math.log(4 / 3), Math.log(4)];
  // 0.8 on the near class, 0.2 evenly on both.
  expect((await run([1, 1], 0.2)).loss).toBeCloseTo(0.9 * near + 0.1 * far, 6);
});
