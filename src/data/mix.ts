/**
 * Mixes data sets by temperature (as multilingual BERT and T5 do): a set of n records gets a share in proportion to n^(1/T). T = 1 keeps
 * the sizes' proportions, larger ones lift small sets, towards equal shares. A set that must give more than it has is repeated.
 */
import { CongError, checkInteger, checkRange, type Progress, writeFileAtomic } from "../support/index.ts";
import { createRandom } from "../support/random.ts";
import { createReport, type StepReport } from "./report.ts";
import { outputPaths } from "./steps/output-paths.ts";
import { readRecords } from "./steps/read-records.ts";
import { RecordWriter } from "./steps/record-writer.ts";
import { checkPaths, type InputFile } from "./steps/run-step.ts";

export interface MixOptions {
  /** One file a data set. */
  readonly inputs: readonly InputFile[];
  readonly output: string;
  /** Default 1. */
  readonly temperature?: number;
  /** Factor on each set's share, beside the temperature; default 1 each. */
  readonly weights?: readonly number[];
  /** Records of the output; default: as many as all sets have. */
  readonly records?: number;
  /** How often a record may come at most; default 4, after which repeats are worth little (Muennighoff et al. 2023). */
  readonly maximumEpochs?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Hears how far the step is. */
  readonly progress?: Pick<Progress, "update">;
}

/** How many records each set gives. `sizes` are what the sets have. */
export function mixCounts(
  sizes: readonly number[],
  total: number,
  temperature: number,
  weights: readonly number[] = sizes.map(() => 1),
  maximumEpochs = Infinity,
): number[] {
  checkRange("mix", { temperature }, { min: 1e-6 });
  const wishes = sizes.map((size, i) => weights[i]! * size ** (1 / temperature));
  const counts = sizes.map(() => 0);
  let open = sizes.map((_, i) => i).filter((i) => wishes[i]! > 0);
  let left = total;
  // What a set may not give, because of its limit, the others share.
  for (;;) {
    const sum = open.reduce((all, i) => all + wishes[i]!, 0);
    const full = open.filter((i) => (left * wishes[i]!) / sum > maximumEpochs * sizes[i]!);
    if (full.length === 0) {
      // Running sums are rounded, so that the counts add up to what was asked for.
      let given = 0;
      for (const i of open) {
        const next = given + (left * wishes[i]!) / sum;
        counts[i] = Math.round(next) - Math.round(given);
        given = next;
      }
      return counts;
    }
    for (const i of full) {
      counts[i] = Math.floor(maximumEpochs * sizes[i]!);
      left -= counts[i]!;
    }
    open = open.filter((i) => !full.includes(i));
  }
}

/** Writes the mixture, sets evenly interleaved and each in its own order, and its report. */
export async function mix(options: MixOptions): Promise<StepReport> {
  const { inputs, output, temperature = 1, weights, maximumEpochs = 4, seed = 0, progress } = options;
  checkRange("mix", { maximumEpochs }, { min: 0 });
  if (weights !== undefined) checkWeights(weights, inputs.length);
  const paths = outputPaths(output);
  await checkPaths(
    inputs.map(({ path }) => path),
    [output, paths.rejected, paths.report],
  );
  const began = performance.now();
  const report = createReport("mix");
  const sizes = await countRecords(inputs, report, paths.rejected);
  const total = options.records ?? sizes.reduce((sum, size) => sum + size, 0);
  checkInteger("mix", { records: total }, { min: 1 });
  const counts = mixCounts(sizes, total, temperature, weights, maximumEpochs);
  const random = createRandom(seed);
  const streams = inputs.map((input, i) => chosen(input, sizes[i]!, counts[i]!, random.fork(i)));
  const writer = await RecordWriter.open(output);
  const given = inputs.map(() => 0);
  try {
    for (;;) {
      // The set that is furthest behind its share is next: the smoothest interleaving there is.
      let next = -1;
      for (let i = 0; i < inputs.length; i++) {
        if (given[i]! >= counts[i]!) continue;
        if (next < 0 || (given[i]! + 0.5) * counts[next]! < (given[next]! + 0.5) * counts[i]!) next = i;
      }
      if (next < 0) break;
      const { value } = await streams[next]!.next();
      await writer.write(value!);
      given[next]!++;
      progress?.update(writer.records);
    }
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
  report.recordsOut = writer.records;
  report.bytesOut = writer.bytes;
  inputs.forEach(({ path }, i) => {
    report.figures[`${path}: records in`] = sizes[i]!;
    report.figures[`${path}: records out`] = counts[i]!;
  });
  if (writer.records < total) {
    const limit = `no record comes more than ${maximumEpochs} times (--maximum-epochs changes that)`;
    report.figures[`records fewer than the ${total} asked for, because ${limit}`] = total - writer.records;
  }
  report.seconds = (performance.now() - began) / 1000;
  await writeFileAtomic(paths.report, [new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)]);
  return report;
}

function checkWeights(weights: readonly number[], files: number): void {
  const fail = (fault: string): never => {
    throw new CongError(
      "BAD_ARGUMENT",
      `mix: ${fault}`,
      { weights },
      "give one number a file, none below 0, not all 0",
    );
  };
  if (weights.length !== files) fail(`${weights.length} weights for ${files} files`);
  const bad = weights.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) fail(`weight ${bad + 1} is ${weights[bad]}`);
  if (weights.every((weight) => weight === 0)) fail("all weights are 0, so that no set gives anything");
}

/** Records of every set; bad lines go to the file of those set aside. */
async function countRecords(inputs: readonly InputFile[], report: StepReport, rejectedPath: string): Promise<number[]> {
  const sizes = inputs.map(() => 0);
  const rejected = await RecordWriter.open(rejectedPath);
  try {
    for await (const { input } of readRecords(inputs, report, (json) => rejected.write(json))) sizes[input]!++;
    await rejected.finish();
  } catch (error) {
    await rejected.discard();
    throw error;
  }
  return sizes;
}

/** `wanted` records of a file: whole passes, then a random choice in file order (Knuth's algorithm S). */
async function* chosen(
  input: InputFile,
  size: number,
  wanted: number,
  random: ReturnType<typeof createRandom>,
): AsyncGenerator<string, void> {
  for (let left = wanted; left > 0; left -= size) {
    let take = Math.min(left, size);
    let seen = 0;
    for await (const { value } of readRecords([input])) {
      if (take === 0) break;
      if (random.uniform() * (size - seen) < take) {
        take--;
        yield JSON.stringify(value);
      }
      seen++;
    }
  }
}
