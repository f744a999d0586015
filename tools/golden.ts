/**
 * `npm run golden -- [--strict] [--backend onnxruntime|reference] PATH…`: compares Congling with values that PyTorch and
 * Hugging Face recorded. One line per quantity, one per fixture, and the counts last. Exits with 1 on a failure, with
 * `--strict` on a skip too. PATH is a fixture or a folder of them; default ../shared/golden.
 */
import { parseArgs } from "node:util";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../src/engine/backends/reference/index.ts";
import type { Backend } from "../src/engine/index.ts";
import { pick } from "../src/support/index.ts";
import { checkFixture, fixturesAt, type Verdict } from "./golden/check-path.ts";

const backends: Readonly<Record<string, () => Backend>> = {
  onnxruntime: () => onnxruntimeBackend(),
  reference: () => referenceBackend(),
};
const usage = "usage: npm run golden -- [--strict] [--backend onnxruntime|reference] PATH…";

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        strict: { type: "boolean", default: false },
        backend: { type: "string", default: "onnxruntime" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    const backend = pick("backend", backends, values.backend)();
    return { isStrict: values.strict, backend, paths: positionals.length > 0 ? positionals : ["../shared/golden"] };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return undefined;
  }
}

const given = readArguments();
if (given === undefined) process.exitCode = 2;
else if (given === "help") console.log(usage);
else {
  const counts: Record<Verdict, number> = { PASS: 0, FAIL: 0, SKIP: 0 };
  for (const path of given.paths.flatMap(fixturesAt)) {
    const { verdict, reason } = await checkFixture(path, given.backend, (line) => console.log(line));
    counts[verdict]++;
    console.log(`${verdict} ${path} ${reason}`);
  }
  console.log(`${counts.PASS} passed, ${counts.FAIL} failed, ${counts.SKIP} skipped`);
  process.exitCode = counts.FAIL > 0 || (given.isStrict && counts.SKIP > 0) ? 1 : 0;
}
