/** `npm run bench -- NAME [--json] [options]` */
import { CongError } from "../src/support/index.ts";
import { pick } from "../src/support/suggest.ts";
import { adgenBenchmark } from "./adgen.ts";
import { decodeBenchmark } from "./decode.ts";
import { dedupeBenchmark } from "./dedupe.ts";
import { gemm } from "./gemm.ts";
import { newsBenchmark } from "./news.ts";
import { poems } from "./poems.ts";
import { type Benchmark, machine, readOptions, say, table } from "./report.ts";
import { shakespeare } from "./shakespeare.ts";
import { tokenizerBenchmark } from "./tokenizer.ts";
import { trainStepBenchmark } from "./train-step.ts";

const benchmarks: Readonly<Record<string, Benchmark>> = {
  adgen: adgenBenchmark,
  dedupe: dedupeBenchmark,
  decode: decodeBenchmark,
  gemm,
  news: newsBenchmark,
  poems,
  shakespeare,
  tokenizer: tokenizerBenchmark,
  "train-step": trainStepBenchmark,
};

const [name, ...args] = process.argv.slice(2);
const options = readOptions(args);
if (name === undefined || name === "--help" || options.has("help")) {
  const list = Object.entries(benchmarks).map(
    ([key, { summary, options: flags }]) => `  ${key.padEnd(12)} ${summary}\n               ${flags}`,
  );
  say(
    `usage: npm run bench -- NAME [--json] [options]\n\n${list.join("\n")}\n\nexamples:\n  npm run bench -- train-step --case 30m\n  npm run bench -- gemm --shapes 2048x512x1408 --json`,
  );
} else {
  try {
    const results = await pick("benchmark", benchmarks, name).run(options);
    process.stdout.write(
      options.has("json") ? `${JSON.stringify({ bench: name, machine: machine(), results })}\n` : `${table(results)}\n`,
    );
  } catch (error) {
    say(CongError.is(error) ? error.message : String(error instanceof Error ? error.stack : error));
    process.exitCode = 1;
  }
}
