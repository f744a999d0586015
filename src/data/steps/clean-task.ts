/** Cleaning of a batch of records: every text of a record is repaired; a record goes when what is to be learnt is not worth it. */
import { type CleanSettings, createTextCleaner } from "../clean/index.ts";
import { createReport, tally } from "../report.ts";
import { type Batch, createBatchParser, type ParseSettings } from "../sources/index.ts";
import { type BatchResult, createCollector } from "./batch-result.ts";

export async function createCleanTask(
  settings: CleanSettings,
  parse: ParseSettings,
): Promise<(batch: Batch) => BatchResult> {
  const textCleaner = await createTextCleaner(settings);
  // In conversations tags and short lines are often what the answer is about.
  const { html = false, boilerplate = false, quality = "light" } = settings;
  const answerQuality = quality === "light" ? "answers" : quality;
  const answerCleaner = await createTextCleaner({ ...settings, html, boilerplate, quality: answerQuality });
  const parseBatch = createBatchParser(parse);
  return (batch) => {
    const collector = createCollector(batch, createReport("clean"));
    parseBatch(
      batch,
      (record) => {
        const cleaner = record.format.name === "text" ? textCleaner : answerCleaner;
        const changes = new Map<string, string>();
        for (const { holder, key } of record.slots) {
          const before = holder[key] as string;
          const { text, changes: names } = cleaner.repair(before);
          holder[key] = text;
          for (const name of names) if (!changes.has(name)) changes.set(name, before);
        }
        // Prompts may be as short as they like; of the texts to learn together, one fault is enough.
        const learnt = record.slots.filter(({ isLearnt }) => isLearnt);
        const texts = learnt.map(({ holder, key }) => holder[key] as string);
        const fault =
          record.format.name === "preference"
            ? texts.map(cleaner.fault).find(Boolean)
            : cleaner.fault(texts.join("\n"));
        if (fault !== undefined) {
          collector.remove(record, fault, texts.join(" "));
          return;
        }
        for (const [name, text] of changes)
          tally(collector.report.changed, name, { file: batch.file, line: record.line, text });
        collector.keep(record.value);
      },
      collector.reject,
    );
    return collector.finish();
  };
}
