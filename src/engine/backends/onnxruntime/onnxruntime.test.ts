import { expect, test } from "vitest";
import { gradients, hostTensor, matmul, mean, mul, sub, toNumbers, trace } from "../../index.ts";
import { onnxruntimeBackend } from "./index.ts";

const lineFit = trace((builder) => {
  const x = builder.input("x", "float32", ["batch", 2]);
  const t = builder.input("t", "float32", ["batch", 1]);
  const w = builder.state("w", { dtype: "float32", shape: [2, 1] });
  const error = sub(matmul(x, w), t);
  const loss = mean(mul(error, error));
  builder.output("loss", loss);
  builder.assign(w, sub(w, mul(gradients(loss, [w])[0]!, 0.01)));
});

test("state is updated by a run and the loss falls", async () => {
  const program = await onnxruntimeBackend().compile(lineFit);
  program.writeState("w", hostTensor("float32", [2, 1], [1, -1]));
  const feed = {
    x: hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 6]),
    t: hostTensor("float32", [3, 1], [0, 1, 2]),
  };
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) losses.push(toNumbers((await program.run(feed))["loss"]!)[0]!);
  expect(losses[0]).toBeCloseTo(14 / 3, 5);
  expect(losses[4]!).toBeLessThan(losses[0]! / 2);
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  // another batch size reuses the program
  const one = await program.run({ x: hostTensor("float32", [1, 2], [1, 0]), t: hostTensor("float32", [1, 1], [0]) });
  expect(one["loss"]!.shape).toEqual([]);
  await program.dispose();
  await expect(program.run(feed)).rejects.toThrow("disposed");
});
