/** Runs a step over files: batches through threads, results into parts, parts into the output. See journal.ts for what a kill costs. */
import { mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { physicalCores } from "../../engine/backends/onnxruntime/physical-cores.ts";
import { CongError, checkInteger, type Progress, writeError, writeFileAtomic } from "../../support/index.ts";
import { addReport, createReport, type StepReport } from "../report.ts";
import { type ParseSettings, type ReadOptions, readBatches } from "../sources/index.ts";
import type { BatchResult } from "./batch-result.ts";
import { fingerprintOf, Journal } from "./journal.ts";
import { outputPaths } from "./output-paths.ts";
import { type NumberedBatch, runTask } from "./pool.ts";
import type { TaskName, TaskSettings } from "./tasks.ts";

/** A file to read and how. */
export interface InputFile {
  readonly path: string;
  readonly parse?: ParseSettings;
  readonly read?: ReadOptions;
  /** Take only the first so many records. */
  readonly limit?: number;
}

/** Decides with all records in view; works in the calling thread, one batch after the other. */
export interface Sink {
  /** Takes in what a finished part of an interrupted run kept, without judging it again. Absent where that teaches nothing. */
  restore?(result: BatchResult): void;
  /** What it must know after an interruption though the kept records do not show it: what came to it since the last call. */
  takeNotes?(): readonly number[];
  /** Takes in the notes of a finished part. */
  recall?(notes: readonly number[]): void;
  /** Judges a batch: what of it goes on, and the report of that. */
  accept(result: BatchResult): BatchResult;
  dispose(): void;
}

export interface StepOptions<T extends TaskName> {
  /** Name in the report. */
  readonly step: string;
  readonly task: T;
  readonly settings: TaskSettings<T>;
  readonly inputs: readonly InputFile[];
  /** The output file, JSON lines; ".gz" packs it. Beside it come `*.rejected.jsonl` and `*.report.json`. */
  readonly output: string;
  readonly sink?: Sink;
  /** What else decides the result (a sink's settings), for resuming. */
  readonly identity?: unknown;
  /** What was counted before the step began; stands in its report. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Default: all physical cores. */
  readonly threads?: number;
  /** Input bytes after which a part is finished; default 64 MiB. */
  readonly partBytes?: number;
  /** Hears how far the step is. */
  readonly progress?: Pick<Progress, "update">;
}

/**
 * Returns the report, which it also writes. Outputs appear whole or not at all; run again after an interruption with the same settings
 * and inputs, it goes on after the last finished part.
 *
 * @throws CongError `PATH_NOT_FOUND`, `SAME_FILE`, `NOT_A_FILE`, and what reading and writing files throws
 */
export async function runStep<T extends TaskName>(options: StepOptions<T>): Promise<StepReport> {
  try {
    return await runParts(options);
  } catch (error) {
    // What fails in reading is a CongError already, so a bare error of the system comes from writing.
    throw error instanceof Error && "syscall" in error ? writeError(options.output, error) : error;
  }
}

async function runParts<T extends TaskName>(options: StepOptions<T>): Promise<StepReport> {
  const { step, task, settings, inputs, output, sink, progress, partBytes = 1 << 26 } = options;
  const threads = options.threads ?? physicalCores();
  checkInteger("runStep", { threads, partBytes }, { min: 1 });
  await checkPaths(
    inputs.map(({ path }) => path),
    [output, outputPaths(output).rejected, outputPaths(output).report],
  );
  const call = { task, settings, inputs: inputs.map(({ parse }) => parse ?? {}) };
  const paths = outputPaths(output);
  await mkdir(dirname(resolve(output)), { recursive: true });
  const identity = [1, step, call, options.identity ?? null, inputs.map(({ read, limit }) => [read, limit]), partBytes];
  const fingerprint = await fingerprintOf(
    identity,
    inputs.map(({ path }) => path),
  );
  const journal = await Journal.open(paths.parts, fingerprint);
  if (sink !== undefined) await restoreSink(sink, journal, options, threads);

  let began = performance.now();
  let batches = journal.batchesDone;
  let bytesDone = journal.total(step).bytesIn;
  let report = createReport(step);
  let part = await journal.startPart();
  const finishPart = async (): Promise<void> => {
    report.seconds = (performance.now() - began) / 1000;
    began = performance.now();
    await part.finish(batches, report, sink?.takeNotes?.());
    report = createReport(step);
  };
  try {
    for await (const raw of runTask(call, numberedBatches(inputs, batches), threads)) {
      const result = sink === undefined ? raw : sink.accept(raw);
      await part.write(result.output, result.rejected);
      addReport(report, result.report);
      batches++;
      bytesDone += result.report.bytesIn;
      progress?.update(bytesDone);
      if (report.bytesIn < partBytes) continue;
      await finishPart();
      part = await journal.startPart();
    }
    await finishPart();
  } catch (error) {
    await part.abandon();
    throw error;
  } finally {
    sink?.dispose();
  }
  const total = journal.total(step);
  const note = "started over, because what an interrupted run had finished was damaged";
  total.figures = { ...options.figures, ...total.figures, ...(journal.wasDamaged ? { [note]: 1 } : {}) };
  await journal.assemble(paths.rejected, "rejected.jsonl");
  await writeFileAtomic(paths.report, [new TextEncoder().encode(`${JSON.stringify(total, null, 2)}\n`)]);
  // Last: where the output is, all else is.
  await journal.assemble(output, "jsonl");
  await journal.remove();
  return total;
}

/** All batches of all inputs but the first `skip`. */
export async function* numberedBatches(inputs: readonly InputFile[], skip = 0): AsyncGenerator<NumberedBatch, void> {
  let count = 0;
  for (const [input, { path, read, limit = Infinity }] of inputs.entries()) {
    let records = 0;
    for await (const batch of readBatches(path, read)) {
      const left = limit - records;
      records += batch.lines.length;
      const taken = left >= batch.lines.length ? batch : firstLines(batch, left);
      if (count++ >= skip) yield { batch: taken, input };
      if (records >= limit) break;
    }
  }
}

function firstLines(batch: NumberedBatch["batch"], count: number): NumberedBatch["batch"] {
  let end = 0;
  for (let i = 0; i < count; i++) end = batch.bytes.indexOf(10, end) + 1;
  return { ...batch, bytes: batch.bytes.slice(0, end), lines: batch.lines.slice(0, count), sourceBytes: end };
}

async function restoreSink<T extends TaskName>(
  sink: Sink,
  journal: Journal,
  options: StepOptions<T>,
  threads: number,
): Promise<void> {
  for (const { notes } of journal.parts) sink.recall?.(notes ?? []);
  if (sink.restore === undefined) return;
  const files = journal.parts.map(({ name }) => ({ path: `${journal.folder}/${name}.jsonl` }));
  if (files.length === 0) return;
  // Parts are in our own field names: no mapping. The format is found again, unless it was named for all inputs.
  const formats = new Set(options.inputs.map(({ parse }) => parse?.format));
  const [format] = formats.size === 1 ? formats : [];
  const parse = format === undefined ? {} : { format };
  const call = { task: options.task, settings: options.settings, inputs: files.map(() => parse) };
  for await (const result of runTask(call, numberedBatches(files), threads)) sink.restore(result);
}

/**
 * Checks that every input is a file that no output will replace, and that outputs replace ordinary files only: never a folder, nor a
 * device such as /dev/null.
 * @throws CongError `BAD_ARGUMENT` without inputs, `PATH_NOT_FOUND`, `SAME_FILE`, `NOT_A_FILE`
 */
export async function checkPaths(inputs: readonly string[], outputs: readonly string[]): Promise<void> {
  if (inputs.length === 0)
    throw new CongError("BAD_ARGUMENT", "there are no input files", {}, "name at least one file");
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
  const taken = new Set(await Promise.all(outputs.map(real)));
  for (const path of inputs) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      throw new CongError("PATH_NOT_FOUND", `there is no file ${path}`, { path }, "check the path");
    }
    if (found.isDirectory()) {
      throw new CongError(
        "PATH_NOT_FOUND",
        `${path} is a folder`,
        { path },
        `name the files in it, for example ${path}/*.jsonl`,
      );
    }
    if (taken.has(await real(path))) {
      throw new CongError(
        "SAME_FILE",
        `${path} is an input and would be replaced by an output`,
        { path },
        "write to another file",
      );
    }
  }
  for (const path of outputs) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.isFile()) continue;
    throw new CongError(
      "NOT_A_FILE",
      `cannot write to ${path}: it is ${found.isDirectory() ? "a folder" : "no ordinary file"}`,
      { path },
      `name a file, for example ${found.isDirectory() ? join(path, "clean.jsonl") : "work/clean.jsonl"}`,
    );
  }
}
