/**
 * Takes out of training files what evaluation files hold: every record that shares a run of 13 Han characters (or words) with an
 * evaluation record, or is a near duplicate of one.
 */
import { CongError, checkInteger, checkRange } from "../../support/index.ts";
import { fold } from "../dedupe/fold.ts";
import { signatureInto, signatureRows } from "../dedupe/minhash.ts";
import { NearIndex } from "../dedupe/near-index.ts";
import { shinglesInto } from "../dedupe/shingles.ts";
import { TextSpool } from "../dedupe/text-spool.ts";
import { isJsonObject } from "../json.ts";
import { excerpt, type StepReport } from "../report.ts";
import { createBatchParser, detectFormat } from "../sources/index.ts";
import { type BatchResult, removeRecords } from "../steps/batch-result.ts";
import { outputPaths } from "../steps/output-paths.ts";
import {
  checkPaths,
  type InputFile,
  numberedBatches,
  runStep,
  type Sink,
  type StepOptions,
} from "../steps/run-step.ts";
import { createRunTable } from "./runs.ts";

export interface ContaminationOptions
  extends Pick<StepOptions<"contamination">, "inputs" | "output" | "threads" | "partBytes" | "progress"> {
  /** The evaluation sets. */
  readonly against: readonly InputFile[];
  /** Least similarity of near duplicates; default 0.35, see DedupeSettings. */
  readonly threshold?: number;
  /** Fewest characters for the near-duplicate test; default 100. */
  readonly nearMinimum?: number;
}

interface EvaluationText {
  readonly place: string;
  readonly text: string;
}

/**
 * Evaluation sets are held in memory; training files stream through.
 *
 * @throws CongError `NO_RECORDS` for evaluation files without a text, and what `runStep` throws
 */
export async function contamination(options: ContaminationOptions): Promise<StepReport> {
  const { against, threshold = 0.35, nearMinimum = 100, ...rest } = options;
  checkRange("contamination", { threshold }, { min: 0.1, max: 1 });
  checkInteger("contamination", { nearMinimum }, { min: 1 });
  const { rejected, report } = outputPaths(rest.output);
  await checkPaths(
    [...against, ...rest.inputs].map(({ path }) => path),
    [rest.output, rejected, report],
  );
  const { texts, figures } = await readTexts(against);
  const runs = createRunTable(texts.map(({ text }) => text));
  const sink = new ContaminationSink(texts, threshold, nearMinimum);
  return runStep({
    ...rest,
    step: "contamination",
    task: "contamination",
    settings: { nearMinimum, runs },
    identity: [threshold, nearMinimum, texts],
    sink,
    figures,
  });
}

/** The texts, and what the report says of them: an evaluation set that cannot be read must not look like a clean training set. */
async function readTexts(files: readonly InputFile[]) {
  const texts: EvaluationText[] = [];
  const unread: string[] = [];
  const without: string[] = [];
  for (const file of files) {
    const [textsBefore, unreadBefore] = [texts.length, unread.length];
    const parse = createBatchParser(file.parse ?? {});
    for await (const { batch } of numberedBatches([file])) {
      const add = (line: number, fields: readonly string[]): void =>
        void texts.push({ place: `${batch.file}:${line}`, text: fields.join("\n") });
      parse(
        batch,
        ({ slots, line }) =>
          add(
            line,
            slots.map(({ holder, key }) => holder[key] as string),
          ),
        ({ line, reason, raw }) => {
          const fields = textFields(raw);
          if (fields.length > 0) add(line, fields);
          else unread.push(`${batch.file}:${line} ${reason}`);
        },
      );
    }
    if (texts.length === textsBefore) without.push(unread[unreadBefore] ?? `${file.path} is empty`);
  }
  if (without.length > 0) {
    throw new CongError(
      "NO_RECORDS",
      `contamination: an evaluation file has no text to compare with: ${without.join("; ")}`,
      { files: files.map(({ path }) => path) },
      "give records with texts in them, a record a line",
    );
  }
  const figures = { "evaluation records": texts.length };
  return {
    texts,
    figures:
      unread.length === 0
        ? figures
        : { ...figures, [`evaluation lines that could not be read, the first ${unread[0]}`]: unread.length },
  };
}

/** All texts of a record that fits no format: evaluation sets have columns of their own (`question`, `A`, `B`, `answer`). */
function textFields(raw: string): string[] {
  try {
    const value: unknown = JSON.parse(raw);
    const isUnknown = isJsonObject(value) && detectFormat(value) === undefined;
    return isUnknown ? Object.values(value).filter((field) => typeof field === "string") : [];
  } catch {
    return [];
  }
}

class ContaminationSink implements Sink {
  readonly #texts: readonly EvaluationText[];
  readonly #spool = new TextSpool();
  readonly #near: NearIndex;
  /** Numbers of evaluation texts by their number in the index: short ones are not in it. */
  readonly #indexed: number[] = [];
  readonly #found = new Set<number>();
  /** Those that came since the last finished part. */
  readonly #foundLately: number[] = [];

  constructor(texts: readonly EvaluationText[], threshold: number, nearMinimum: number) {
    this.#texts = texts;
    this.#near = new NearIndex(threshold, this.#spool);
    const signature = new Uint8Array(signatureRows);
    texts.forEach(({ text }, number) => {
      const units = fold(text, "loose");
      const shingles = new Uint32Array(units.length);
      const count = shinglesInto(units, 0, units.length, shingles);
      if (units.length < nearMinimum || count === 0) return;
      signatureInto(shingles, count, signature, 0);
      this.#near.add(units, signature, 0);
      this.#indexed.push(number);
    });
  }

  takeNotes(): readonly number[] {
    return this.#foundLately.splice(0);
  }

  recall(numbers: readonly number[]): void {
    for (const number of numbers) this.#found.add(number);
  }

  accept(result: BatchResult): BatchResult {
    const { signed, owners } = result;
    return removeRecords(result, (index, units, report) => {
      const owner = owners![index]!;
      const near =
        owner === 0 && units.length > 0 ? this.#near.find(units, signed!.signatures, index * signatureRows) : undefined;
      const number = owner > 0 ? owner - 1 : near === undefined ? undefined : this.#indexed[near.id]!;
      if (number === undefined) return undefined;
      if (!this.#found.has(number)) {
        this.#found.add(number);
        this.#foundLately.push(number);
        report.figures["evaluation records found in training"] =
          (report.figures["evaluation records found in training"] ?? 0) + 1;
      }
      const { place, text } = this.#texts[number]!;
      const reason =
        owner > 0 ? "shares a run of 13 with an evaluation record" : "near duplicate of an evaluation record";
      return { reason, note: `${place} ${excerpt(text, 40)}` };
    });
  }

  dispose(): void {
    this.#spool.dispose();
  }
}
