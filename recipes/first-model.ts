/** A network of one hidden layer learns to multiply: a model, its loss and its training in twenty lines. */
import { createOptimizer, createRandom, createTrainer, hostTensor, onnxruntimeBackend, trainStep } from "congling";
import { gelu, mean, mul, sub } from "congling/engine";
import { initLinear, linear } from "congling/nn";

const random = createRandom(1);
const step = trainStep({
  parameters: {
    hidden: initLinear({ input: 2, output: 32, bias: true }, random),
    output: initLinear({ input: 32, output: 1, bias: true }, random),
  },
  loss: (builder, { hidden, output }) => {
    const x = builder.input("x", "float32", ["batch", 2]);
    const y = builder.input("y", "float32", ["batch", 1]);
    const error = sub(linear(output, gelu(linear(hidden, x))), y);
    return { loss: mean(mul(error, error)) };
  },
  optimizer: createOptimizer({ name: "adamw" }),
});
const trainer = await createTrainer(onnxruntimeBackend(), step);
for (let i = 1; i <= 101; i++) {
  const x = random.uniformArray(128, -1, 1);
  const y = Float32Array.from({ length: 64 }, (_, row) => x[2 * row]! * x[2 * row + 1]!);
  const inputs = { x: hostTensor("float32", [64, 2], x), y: hostTensor("float32", [64, 1], y) };
  const { loss } = await trainer.run(inputs, 0.01);
  if (i % 50 === 1) console.log(`step ${i}: loss ${loss.toFixed(6)}`);
}
await trainer.dispose();
