/** The same training on onnxruntime and on the reference backend: state in native memory, scans, selects, random bits. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import { hostTensor, log, mul, sum, toNumbers, trace } from "../../src/engine/index.ts";
import { biasCorrection, createOptimizer, createTrainer, train, trainStep } from "../../src/training/index.ts";
import { type TinyOptions, tinyData, tinySchedule, tinyTrainer } from "../../src/training/tiny-run.fixture.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-backends-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function losses(tiny: TinyOptions, totalSteps: number, into?: string): Promise<number[]> {
  const trainer = await tinyTrainer(tiny);
  const options = { trainer, data: tinyData, schedule: tinySchedule, totalSteps, progress: { silent: true } };
  const result = await train(into === undefined ? options : { ...options, folder: into });
  await trainer.dispose();
  return result.losses.map(([, loss]) => loss);
}

describe.each<[string, TinyOptions]>([
  ["AdamW", {}],
  ["three micro-batches", { accumulate: 3 }],
  ["Muon", { optimizer: "muon" }],
])("%s", (_, tiny) => {
  test("twenty losses on onnxruntime equal the reference backend's", async () => {
    const wanted = await losses(tiny, 20);
    const got = await losses({ ...tiny, backend: onnxruntimeBackend() }, 20);
    const worst = Math.max(...got.map((loss, i) => Math.abs(loss - wanted[i]!) / wanted[i]!));
    expect(worst).toBeLessThan(1e-4);
  });

  test("a resumed run on onnxruntime has bit-identical losses", async () => {
    const backend = onnxruntimeBackend();
    const wanted = await losses({ ...tiny, backend }, 20);
    await losses({ ...tiny, backend }, 9, folder);
    expect(await losses({ ...tiny, backend }, 20, folder)).toEqual(wanted);
  });
});

describe.each([referenceBackend(), onnxruntimeBackend()])("$name", (backend) => {
  test("bias corrections hold from the first step to the sixteen-millionth", async () => {
    const rates = [0.9, 0.95, 0.999, 0.99999];
    const graph = trace((builder) => {
      const step = builder.input("step", "float32", []);
      for (const rate of rates) builder.output(String(rate), biasCorrection(rate, step));
    });
    const program = await backend.compile(graph);
    for (const step of [1, 2, 7, 100, 12345, 1e6, 2 ** 24]) {
      const outputs = await program.run({ step: hostTensor("float32", [], [step]) });
      for (const rate of rates) {
        const wanted = -Math.expm1(step * Math.log(rate));
        const error = Math.abs(toNumbers(outputs[String(rate)]!)[0]! / wanted - 1);
        expect(error, `β ${rate}, step ${step}`).toBeLessThan(1e-6);
      }
    }
    await program.dispose();
  });

  test("NaN is stopped, located, and kept from the other tensors", async () => {
    const step = trainStep({
      parameters: { good: hostTensor("float32", [2], [1, 2]), bad: hostTensor("float32", [2], [1, 0]) },
      loss: (builder, { good, bad }) => {
        const weight = builder.input("weight", "float32", []);
        return { loss: mul(sum(mul(log(bad), good)), weight) };
      },
      optimizer: createOptimizer({ name: "adamw" }),
    });
    const trainer = await createTrainer(backend, step);
    await expect(trainer.run({ weight: hostTensor("float32", [], [1]) }, 0.1)).rejects.toMatchObject({
      code: "NOT_FINITE",
      details: { tensors: ["good", "bad"] },
    });
    expect(toNumbers(trainer.parameters().good)[0]).toBe(1);
    await trainer.dispose();
  });

  test("loss scaling skips an overflow and changes nothing but the scale", async () => {
    const step = trainStep({
      parameters: { p: hostTensor("float32", [2], [3, 4]) },
      loss: (_, { p }) => ({ loss: sum(mul(p, p)) }),
      optimizer: createOptimizer({ name: "adam" }),
      lossScale: { initial: 2 ** 62, growthInterval: 1 },
      clipNorm: null,
    });
    const trainer = await createTrainer(backend, step);
    // Gradients are 6 and 8: their squares fit float32 from a scale of 2^60 on.
    const seen: [boolean, number, number][] = [];
    for (let i = 0; i < 4; i++) {
      const { isSkipped } = await trainer.run({}, 0.1);
      const [scale] = toNumbers(trainer.readState("training.lossScale"));
      seen.push([isSkipped, Math.log2(scale!), Math.fround(toNumbers(trainer.parameters().p)[0]!)]);
    }
    const moved = seen[2]![2];
    expect(moved).toBeCloseTo(2.9, 5);
    expect(seen).toEqual([
      [true, 61, 3],
      [true, 60, 3],
      [false, 61, moved],
      [true, 60, moved],
    ]);
    await trainer.dispose();
  });

  test.each(["adam", "rmsprop", "adagrad", "adafactor", "lion"] as const)(
    "%s takes a sane step when a gradient of 1e18 is clipped",
    async (name) => {
      const stepped = async (factor: number) => {
        const step = trainStep({
          parameters: { p: hostTensor("float32", [2], [3, 4]) },
          loss: (_, { p }) => ({ loss: mul(sum(mul(p, p)), factor) }),
          optimizer: createOptimizer({ name }),
        });
        const trainer = await createTrainer(backend, step);
        await trainer.run({}, 0.1);
        const values = toNumbers(trainer.parameters().p);
        await trainer.dispose();
        return values;
      };
      const [usual, huge] = [await stepped(1), await stepped(1e17)];
      expect(usual).not.toEqual([3, 4]);
      expect(Math.abs(huge[0]! - usual[0]!) + Math.abs(huge[1]! - usual[1]!)).toBeLessThan(1e-5);
    },
  );
});
