import { expect, test } from "vitest";
import { hostTensor, mul, trace } from "../../index.ts";
import { onnxruntimeBackend } from "./index.ts";

const half = trace((builder) => builder.output("y", mul(builder.input("x", "float32", ["n"]), 0.5)));
const denormal = 1e-40;

test.each([{ blocking: true }, { blocking: false }])(
  "runs flush denormals, JavaScript keeps them: %o",
  async (options) => {
    const program = await onnxruntimeBackend(options).compile(half);
    const { y } = await program.run({ x: hostTensor("float32", [2], [denormal, 3]) });
    if (process.arch === "x64") expect([...(y!.data as Float32Array)]).toEqual([0, 1.5]);
    // Computed at run time, so that no compiler folds it.
    expect(Number(String(2e-310)) * 0.5).toBe(1e-310);
    await program.dispose();
  },
);
