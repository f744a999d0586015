/** Augmentation of a batch: every record, then its changed copies. */
import { checkInteger, checkRange } from "../../support/index.ts";
import { createRandom } from "../../support/random.ts";
import { type Augmentation, augmentations, augmentText } from "../augment/augment-text.ts";
import { loadSegmenter } from "../augment/segmenter.ts";
import { builtInSynonyms, parseSynonyms } from "../augment/synonyms.ts";
import type { JsonObject } from "../json.ts";
import { createReport, tally } from "../report.ts";
import {
  type Batch,
  createBatchParser,
  type ParsedRecord,
  type ParseSettings,
  recordFormat,
} from "../sources/index.ts";
import { type BatchResult, createCollector } from "./batch-result.ts";

export interface AugmentSettings {
  readonly seed: number;
  /** Default: all four, one after the other. */
  readonly operations?: readonly Augmentation[];
  /** Share of the words to change; default 0.1, as in EDA. */
  readonly rate?: number;
  /** Changed copies a record; default 1. */
  readonly copies?: number;
  /** Groups of synonyms, a group a line; default: the built-in lexicon. */
  readonly synonyms?: string;
}

/**
 * Plain texts are changed as a whole; of conversations only what the model reads, because a changed answer is a wrong one. A copy says
 * in `augmentation` how it was made. The same seed and text give the same copies, wherever the text stands.
 */
export async function createAugmentTask(
  settings: AugmentSettings,
  parse: ParseSettings,
): Promise<(batch: Batch) => BatchResult> {
  const { seed, operations = augmentations, rate = 0.1, copies = 1 } = settings;
  checkRange("augment", { rate }, { min: 0, max: 1 });
  checkInteger("augment", { copies }, { min: 1, max: 100 });
  const tools = {
    segment: await loadSegmenter(),
    synonyms: settings.synonyms === undefined ? builtInSynonyms() : parseSynonyms(settings.synonyms),
  };
  const random = createRandom(seed);
  const parseBatch = createBatchParser(parse);

  const copyOf = (record: ParsedRecord, original: string, copy: number): { value: JsonObject; changed: boolean } => {
    const value = JSON.parse(original) as JsonObject;
    const operation = operations[copy % operations.length]!;
    const format = recordFormat(record.format.name);
    const slots = format.slots(value).filter(({ isLearnt }) => format.name === "text" || !isLearnt);
    let changed = false;
    for (const { holder, key } of slots) {
      const before = holder[key] as string;
      const after = augmentText(before, operation, rate, random.fork(before).fork(copy), tools);
      if (after !== before) changed = true;
      holder[key] = after;
    }
    return { value: { ...value, augmentation: operation }, changed };
  };

  return (batch) => {
    const collector = createCollector(batch, createReport("augment"));
    parseBatch(
      batch,
      (record) => {
        const original = JSON.stringify(record.value);
        collector.keep(record.value);
        for (let copy = 0; copy < copies; copy++) {
          const { value, changed } = copyOf(record, original, copy);
          const operation = operations[copy % operations.length]!;
          const example = { file: batch.file, line: record.line, text: original };
          if (!changed) {
            collector.report.figures["copies without a change left out"] =
              (collector.report.figures["copies without a change left out"] ?? 0) + 1;
            continue;
          }
          tally(collector.report.changed, operation, { ...example, note: JSON.stringify(value) });
          collector.output.push(JSON.stringify(value));
          collector.report.recordsOut++;
          collector.report.figures.copies = (collector.report.figures.copies ?? 0) + 1;
        }
      },
      collector.reject,
    );
    return collector.finish();
  };
}
