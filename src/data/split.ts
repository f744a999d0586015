/**
 * Splits records into train, valid, test or other parts by the hash of their text: the same text always falls into the same part,
 * whatever comes before it or is added later. Remove near duplicates first: two of them may fall into different parts.
 */
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { CongError, type Progress, writeFileAtomic } from "../support/index.ts";
import { fold } from "./dedupe/fold.ts";
import { textHash } from "./dedupe/text-hash.ts";
import { createReport, type StepReport, tally } from "./report.ts";
import { type PlacedRecord, readRecords, textOfRecord } from "./steps/read-records.ts";
import { RecordWriter } from "./steps/record-writer.ts";
import { checkPaths, type InputFile } from "./steps/run-step.ts";

export interface SplitOptions {
  readonly inputs: readonly InputFile[];
  /** Folder that gets one file a part. */
  readonly folder: string;
  /** Share of each part; they must add up to 1. Default {train: 0.98, valid: 0.01, test: 0.01}. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Another number gives another split. Default 0. */
  readonly seed?: number;
  /** Field of the records (an author, a document) whose value decides instead of the text, so that its records stay together. */
  readonly groupBy?: string;
  /** Field whose every value is to have the stated shares exactly (to one record), rather than about so. Takes a second pass. */
  readonly stratifyBy?: string;
  /** Pack the parts; default false. */
  readonly gzip?: boolean;
  /** Hears how far the step is. */
  readonly progress?: Pick<Progress, "update">;
}

/**
 * Writes `PART.jsonl[.gz]` for every part, `split.rejected.jsonl` and, last, `split.report.json`: where that is, the parts are whole and of
 * one split. Records without the field to split by are set aside.
 *
 * @throws CongError `MISSING_FIELD` when no record has that field, and what reading and writing files throws
 */
export async function split(options: SplitOptions): Promise<StepReport> {
  const { inputs, folder, seed = 0, groupBy, stratifyBy, gzip = false, progress } = options;
  const shares = options.shares ?? { train: 0.98, valid: 0.01, test: 0.01 };
  checkShares(shares);
  const names = Object.keys(shares);
  const paths = names.map((name) => join(folder, `${name}.jsonl${gzip ? ".gz" : ""}`));
  const [rejectedPath, reportPath] = [join(folder, "split.rejected.jsonl"), join(folder, "split.report.json")];
  await checkPaths(
    inputs.map(({ path }) => path),
    [...paths, rejectedPath, reportPath],
  );
  const began = performance.now();
  const placeOf = (record: PlacedRecord): number => {
    const text = groupBy === undefined ? textOfRecord(record) : fieldOf(record, groupBy)!;
    const units = fold(`${seed}\n${text}`, "spacing");
    const [low, high] = textHash(units, 0, units.length);
    return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
  };
  const missing = (record: PlacedRecord): string | undefined =>
    [groupBy, stratifyBy].find((field) => field !== undefined && fieldOf(record, field) === undefined);
  const placed = (record: PlacedRecord): number | undefined =>
    missing(record) === undefined ? placeOf(record) : undefined;
  const edges = stratifyBy === undefined ? undefined : await strata(inputs, stratifyBy, shares, placed);
  const even = cumulative(shares);

  const report = createReport("split");
  const writers = await Promise.all(paths.map((path) => RecordWriter.open(path)));
  const rejected = await RecordWriter.open(rejectedPath);
  let firstWithout: CongError | undefined;
  try {
    for await (const record of readRecords(inputs, report, (json) => rejected.write(json))) {
      const field = missing(record);
      if (field !== undefined) {
        const { file, line, value } = record;
        const reason = `no plain "${field}"`;
        firstWithout ??= missingField(record, field);
        tally(report.removed, reason, { file, line, text: textOfRecord(record) });
        await rejected.write(JSON.stringify({ file, line, reason, record: value }));
        continue;
      }
      const limits = edges?.get(fieldOf(record, stratifyBy!)!) ?? even;
      const place = placeOf(record);
      const part = limits.findIndex((limit) => place < limit);
      await writers[part < 0 ? names.length - 1 : part]!.write(JSON.stringify(record.value));
      progress?.update(report.bytesIn);
    }
    // Where no record has it, the name is wrong rather than the records.
    if (firstWithout !== undefined && writers.every(({ records }) => records === 0)) throw firstWithout;
    const all = [rejected, ...writers];
    for (const writer of all) await writer.close();
    // All that is old goes before anything new has its name: a kill in between leaves parts missing, and never two splits mixed.
    await rm(reportPath, { force: true });
    for (const writer of all) await writer.removeOld();
    for (const writer of all) await writer.finish();
  } catch (error) {
    await Promise.all([rejected, ...writers].map((writer) => writer.discard()));
    throw error;
  }
  names.forEach((name, i) => {
    report.figures[name] = writers[i]!.records;
    report.recordsOut += writers[i]!.records;
    report.bytesOut += writers[i]!.bytes;
  });
  report.seconds = (performance.now() - began) / 1000;
  await writeFileAtomic(reportPath, [new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`)]);
  return report;
}

/** For every value of the field the places at which its parts end: quantiles of its own records' places. */
async function strata(
  inputs: readonly InputFile[],
  field: string,
  shares: Readonly<Record<string, number>>,
  placed: (record: PlacedRecord) => number | undefined,
): Promise<Map<string, number[]>> {
  const places = new Map<string, number[]>();
  for await (const record of readRecords(inputs)) {
    const place = placed(record);
    if (place === undefined) continue;
    const value = fieldOf(record, field)!;
    const list = places.get(value);
    if (list === undefined) places.set(value, [place]);
    else list.push(place);
  }
  const limits = cumulative(shares);
  return new Map(
    [...places].map(([value, list]) => {
      const sorted = Float64Array.from(list).sort();
      return [value, limits.map((limit) => sorted[Math.round(limit * sorted.length)] ?? Infinity)];
    }),
  );
}

function cumulative(shares: Readonly<Record<string, number>>): number[] {
  let sum = 0;
  return Object.values(shares).map((share) => {
    sum += share;
    return sum;
  });
}

function fieldOf({ value }: PlacedRecord, field: string): string | undefined {
  const found = value[field];
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean"
    ? String(found)
    : undefined;
}

function missingField({ value, file, line }: PlacedRecord, field: string): CongError {
  return new CongError(
    "MISSING_FIELD",
    `${file}:${line}: the record has no plain "${field}", nor has any other`,
    { file, line, field },
    `its fields are ${Object.keys(value).join(", ")}`,
  );
}

function checkShares(shares: Readonly<Record<string, number>>): void {
  const values = Object.values(shares);
  const isWhole = Math.abs(values.reduce((total, share) => total + share, 0) - 1) < 1e-9;
  const areNames = Object.keys(shares).every((name) => name !== "" && basename(name) === name);
  if (values.length > 1 && isWhole && areNames && values.every((share) => share > 0)) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `split: the shares ${JSON.stringify(shares)} do not make a whole`,
    { shares },
    "give two parts or more with shares above 0 that add up to 1, for example train=0.98 valid=0.01 test=0.01",
  );
}
