/** Labelling of a batch: every labeller's vote and the majority's label in each record. */
import { createLabeller, type LabelSchema, majority } from "../label/schema.ts";
import { createReport, tally } from "../report.ts";
import { type Batch, createBatchParser, type ParseSettings } from "../sources/index.ts";
import { type BatchResult, createCollector } from "./batch-result.ts";

/** Votes stand in `votes` as {labeller: label or null}; the majority's label in the schema's field, null at a tie or without votes. */
export async function createLabelTask(
  schema: LabelSchema,
  parse: ParseSettings,
): Promise<(batch: Batch) => BatchResult> {
  const labellers = schema.labellers.map((spec) => ({ name: spec.name, label: createLabeller(spec, schema.labels) }));
  const parseBatch = createBatchParser(parse);
  return (batch) => {
    const collector = createCollector(batch, createReport("label"));
    parseBatch(
      batch,
      (record) => {
        const text = record.slots.map(({ holder, key }) => holder[key] as string).join("\n");
        const votes = labellers.map(({ label }) => label(text));
        const winner = majority(votes);
        const value = {
          ...record.value,
          votes: Object.fromEntries(labellers.map(({ name }, i) => [name, votes[i] ?? null])),
          [schema.field]: winner ?? null,
        };
        tally(collector.report.changed, winner === undefined ? "no label" : `label ${winner}`, {
          file: batch.file,
          line: record.line,
          text,
        });
        collector.keep(value);
      },
      collector.reject,
    );
    return collector.finish();
  };
}
