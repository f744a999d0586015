/** The harness itself: it must find a wrong gradient, a wrong value and a backend that computes something else. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../backends/contract.ts";
import { referenceBackend } from "../backends/reference/index.ts";
import { mul } from "../ops/binary.ts";
import { customGradient } from "../ops/custom-gradient.ts";
import { tanh } from "../ops/unary.ts";
import { checkDerivatives, checkGradients } from "./check-gradients.ts";
import { given, normal } from "./inputs.ts";
import { type OpCase, opCase } from "./op-case.ts";

/** The reference, except that every output is changed a little. */
const crooked = (relative: number): Backend => {
  const right = referenceBackend();
  return {
    name: "crooked",
    compile: async (graph, options) => {
      const program = await right.compile(graph, options);
      return {
        ...program,
        run: async (inputs) => {
          const results = await program.run(inputs);
          for (const [name, { data }] of Object.entries(results)) {
            if (name.startsWith("output") && data instanceof Float32Array)
              for (let i = 0; i < data.length; i++) data[i]! *= 1 + relative;
          }
          return results;
        },
      };
    },
  };
};

const fine = opCase("fine", { x: normal([3]) }, ({ x }) => tanh(x));

describe("checkDerivatives", () => {
  test("accepts the right gradient", () => checkDerivatives(fine));
  test("finds a gradient that is off by one part in 100,000", () => {
    const off = opCase(
      "off",
      { x: normal([3]) },
      ({ x }) => customGradient([mul(x, 3)], [x], ([g]) => [mul(g!, 3.00003)])[0]!,
    );
    expect(() => checkDerivatives(off)).toThrow(/case "off": gradient of "x"\[\d\] is/);
  });
  test("finds a missing gradient and a wrong expected value", () => {
    const missing = opCase("missing", { x: normal([3]) }, ({ x }) => customGradient([tanh(x)], [], () => [])[0]!);
    expect(() => checkDerivatives(missing)).toThrow(/is 0, wanted/);
    const value = opCase("value", { x: given([1], [0]) }, ({ x }) => tanh(x), { expected: [[0.1]] });
    expect(() => checkDerivatives(value)).toThrow(/output 0\[0\] is 0, wanted 0.1/);
  });
});

describe("checkGradients", () => {
  test("accepts the reference", () => checkGradients(referenceBackend(), fine));
  test("finds a backend that is off", async () => {
    await expect(checkGradients(crooked(1e-4), fine)).rejects.toThrow(/output.0\[\d\] is/);
  });
  test("by its own differences, too", async () => {
    // With so wide a tolerance only the step along the gradient can tell.
    const wide: OpCase = { ...fine, tolerance: { relative: 1, reason: "for this test" } };
    await expect(checkGradients(crooked(0.05), wide)).rejects.toThrow(/a step changes the loss by/);
    await checkGradients(crooked(0), wide);
  });
});
