/**
 * The process that `soak -- load` measures: loads a folder as int4, answers a prompt, and prints one line of JSON.
 * It does nothing else, so that its peak memory is that of loading and answering.
 */
import { readFileSync } from "node:fs";
import { loadModel } from "../../src/inference/index.ts";

/** What the process prints. */
export interface LoadReport {
  readonly startRssMb: number;
  readonly loadedRssMb: number;
  readonly peakRssMb: number;
  readonly loadSeconds: number;
  /** From the call of `loadModel` to the first token of the answer. */
  readonly firstAnswerSeconds: number;
  /** Of the tokens after the first. */
  readonly tokensPerSecond: number;
  readonly ids: readonly number[];
}

/** Highest resident memory of this process in MB. Linux counts what came before the program into `maxRSS`. */
function peakMb(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
    return Number(kilobytes) / 1000;
  } catch {
    return process.resourceUsage().maxRSS / 1000;
  }
}

const megabytes = (bytes: number): number => bytes / 1e6;

const [folder, promptLength, answerLength] = process.argv.slice(2);
const startRssMb = megabytes(process.memoryUsage.rss());
const start = performance.now();
const model = await loadModel(folder!, { dtype: "int4", tokenizer: false });
const loaded = performance.now();
const loadedRssMb = megabytes(process.memoryUsage.rss());
const inputIds = Array.from({ length: Number(promptLength) }, (_, i) => (i * 7919 + 3) % model.config.vocabulary);
const ids: number[] = [];
let first = 0;
for await (const { id } of model.stream({ inputIds, maxNewTokens: Number(answerLength), endIds: [] })) {
  if (first === 0) first = performance.now();
  ids.push(id);
}
const end = performance.now();
await model.dispose();
const report: LoadReport = {
  startRssMb,
  loadedRssMb,
  peakRssMb: peakMb(),
  loadSeconds: (loaded - start) / 1000,
  firstAnswerSeconds: (first - start) / 1000,
  tokensPerSecond: ((ids.length - 1) / (end - first)) * 1000,
  ids,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
