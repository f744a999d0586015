/** `npm run soak -- memory [--json]`: long runs that must not grow. */
import { setFlagsFromString } from "node:v8";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { hostTensor } from "../src/engine/index.ts";
import { decoderLoss, initDecoder } from "../src/nn/index.ts";
import { createRandom } from "../src/support/random.ts";
import { pick } from "../src/support/suggest.ts";
import { adamw, trainStep } from "../src/training/index.ts";
import { machine, type Row, readOptions, say, table } from "./report.ts";

// V8 doubles its young generation (up to 16 MB here) at a moment of its own choosing, which may fall before or after
// step 50. That is a setting of the process and no memory of ours: it is kept as it is, so that leaks show.
setFlagsFromString("--semi-space-growth-factor=1");

const soaks: Readonly<Record<string, () => Promise<Row[]>>> = { memory };
const steps = 1000;
const settled = 50;
const allowedGrowth = 0.02;

/** 1,000 training steps of a small model with batches of changing size: resident memory after step 50 and at the end. */
async function memory(): Promise<Row[]> {
  const random = createRandom(0);
  const model = { vocabulary: 256, hidden: 64, layers: 2, heads: 4, feedForward: 160 };
  const step = trainStep({
    parameters: initDecoder(model, random),
    optimizer: adamw(),
    loss: (builder, tree) => ({
      loss: decoderLoss(
        tree,
        builder.input("tokens", "int32", ["batch", 32]),
        builder.input("targets", "int32", ["batch", 32]),
        model,
      ),
    }),
  });
  const program = await onnxruntimeBackend().compile(step.graph, { constants: step.constants });
  for (const [name, value] of step.initialState()) program.writeState(name, value);
  const rss: number[] = [];
  for (let i = 1; i <= steps; i++) {
    const size = 2 + (i % 7);
    const tokens = () => ({
      dtype: "int32" as const,
      shape: [size, 32],
      data: Int32Array.from({ length: size * 32 }, () => random.integer(256)),
    });
    await program.run({ tokens: tokens(), targets: tokens(), learningRate: hostTensor("float32", [], [1e-3]) });
    rss.push(process.memoryUsage.rss() / 2 ** 20);
    if (i % 100 === 0 || i === settled) say(`step ${i}: ${rss.at(-1)!.toFixed(1)} MB resident`);
  }
  await program.dispose();
  const [before, after] = [rss[settled - 1]!, rss[steps - 1]!];
  const growth = after / before - 1;
  if (growth > allowedGrowth) process.exitCode = 1;
  return [{ steps, rssMbAtStep50: before, rssMbAtEnd: after, growth, passed: growth <= allowedGrowth }];
}

const [name = "--help", ...args] = process.argv.slice(2);
if (name === "--help") {
  say(
    `usage: npm run soak -- NAME [--json]\n  memory   ${steps} training steps end within ${allowedGrowth * 100} % of the resident memory at step ${settled}`,
  );
} else {
  const results = await pick("soak", soaks, name)();
  process.stdout.write(
    readOptions(args).has("json")
      ? `${JSON.stringify({ soak: name, machine: machine(), results })}\n`
      : `${table(results)}\n`,
  );
}
