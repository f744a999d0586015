import { expect, test } from "vitest";
import { referenceBackend } from "../backends/reference/index.ts";
import { gradients, hostTensor, matmul, mean, mul, sub, toNumbers, trace } from "../index.ts";

test("gradient of mean((x·w − t)²) equals 2·xᵀ(x·w − t)/n", async () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", ["batch", 2]);
    const t = builder.input("t", "float32", ["batch", 1]);
    const w = builder.state("w", { dtype: "float32", shape: [2, 1] });
    const error = sub(matmul(x, w), t);
    const loss = mean(mul(error, error));
    builder.output("loss", loss);
    builder.output("gradient", gradients(loss, [w])[0]!);
  });
  const program = await referenceBackend().compile(graph);
  program.writeState("w", hostTensor("float32", [2, 1], [1, -1]));
  const result = await program.run({
    x: hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 6]),
    t: hostTensor("float32", [3, 1], [0, 1, 2]),
  });
  // errors are −1, −2, −3; Σ x·e = (−1−6−15, −2−8−18) = (−22, −28)
  expect(toNumbers(result["loss"]!)[0]).toBeCloseTo(14 / 3, 5);
  expect(toNumbers(result["gradient"]!)).toEqual([(-22 * 2) / 3, (-28 * 2) / 3].map(Math.fround));
});
