import { expect, test } from "vitest";
import { add, hostTensor, mul, scan, toNumbers, trace } from "../../index.ts";
import { onnxruntimeBackend } from "./index.ts";

test("a loop may capture a value that is also an output", async () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", ["steps", 2]);
    const weight = mul(builder.input("w", "float32", [2]), 3);
    builder.output("weight", weight);
    const { carries } = scan((_, [total], [part], [factor]) => ({ carries: [add(total!, mul(part!, factor!))] }), {
      carries: [mul(weight, 0)],
      sequences: [x],
      captured: [weight],
    });
    builder.output("total", carries[0]!);
  });
  const program = await onnxruntimeBackend().compile(graph);
  const { weight, total } = await program.run({
    x: hostTensor("float32", [2, 2], [1, 2, 3, 4]),
    w: hostTensor("float32", [2], [1, 10]),
  });
  expect(toNumbers(weight!)).toEqual([3, 30]);
  expect(toNumbers(total!)).toEqual([12, 180]);
  await program.dispose();
});
