import { expect, it } from "vitest";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import { gradients, hostTensor, sum, toNumbers, trace } from "../engine/index.ts";
import { embeddingBag } from "./embedding-bag.ts";

const graph = trace((builder) => {
  const weight = builder.input("table", "float32", [3, 2]);
  const ids = builder.input("ids", "int32", ["bags", "slots"]);
  const bags = embeddingBag({ weight }, ids, builder.input("weights", "float32", ["bags", "slots"]));
  builder.output("bags", bags);
  builder.output("gradient", gradients(sum(bags), [weight])[0]!);
});

it("adds up weighted rows, and slots of weight 0 count for nothing", async () => {
  const program = await referenceBackend().compile(graph);
  const { bags, gradient } = await program.run({
    table: hostTensor("float32", [3, 2], [1, 2, 10, 20, 100, 200]),
    ids: hostTensor("int32", [2, 3], [2, 1, 2, 1, 0, 0]),
    weights: hostTensor("float32", [2, 3], [1, 0.5, 2, 3, 0, 0]),
  });
  // 1·(100, 200) + 0.5·(10, 20) + 2·(100, 200); 3·(10, 20)
  expect(toNumbers(bags!)).toEqual([305, 610, 30, 60]);
  // Each row's gradient is the sum of the weights it was used with.
  expect(toNumbers(gradient!)).toEqual([0, 0, 3.5, 3.5, 3, 3]);
  await program.dispose();
});
