/** Records one after the other, for steps that need no threads. */
import { type StepReport, tally } from "../report.ts";
import { createBatchParser, type ParsedRecord } from "../sources/index.ts";
import { type InputFile, numberedBatches } from "./run-step.ts";

export interface PlacedRecord extends ParsedRecord {
  readonly file: string;
  readonly input: number;
}

/**
 * Yields the records of all files in order. Counts into `report`, where given, bad lines among them; `onBad` gets those as JSON lines.
 */
export async function* readRecords(
  inputs: readonly InputFile[],
  report?: StepReport,
  onBad?: (json: string) => void | Promise<void>,
): AsyncGenerator<PlacedRecord, void> {
  const parsers = inputs.map(({ parse }) => createBatchParser(parse ?? {}));
  for await (const { batch, input } of numberedBatches(inputs)) {
    const records: PlacedRecord[] = [];
    const { file } = batch;
    const bad: string[] = [];
    if (report !== undefined) report.bytesIn += batch.sourceBytes;
    parsers[input]!(
      batch,
      (record) => void records.push({ ...record, file, input }),
      ({ line, reason, raw }) => {
        const stated = `unreadable: ${reason}`;
        if (report !== undefined) {
          report.recordsIn++;
          tally(report.removed, stated, { file, line, text: raw });
        }
        if (onBad !== undefined) bad.push(JSON.stringify({ file, line, reason: stated, raw }));
      },
    );
    if (report !== undefined) report.recordsIn += records.length;
    for (const json of bad) await onBad?.(json);
    yield* records;
  }
}

/** All texts of a record, joined by line breaks. */
export const textOfRecord = ({ slots }: ParsedRecord): string =>
  slots.map(({ holder, key }) => holder[key] as string).join("\n");
