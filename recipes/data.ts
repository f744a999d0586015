/**
 * Stage 1, data: texts are cleaned, duplicates go, and so does what the test texts hold. Each step streams, keeps what it took
 * out beside its output, and reports counts, reasons and examples.
 *
 *   npm run recipe -- data [FILE] [--test FILE] [--limit N] [--out runs/recipes/data]
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clean, contamination, dedupe, reportTable } from "../src/data/index.ts";
import { dataFolders } from "../src/evaluation/index.ts";

const poems = dataFolders()("poems");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    test: { type: "string", default: join(poems, "test.jsonl.gz") },
    limit: { type: "string", default: "5000" },
    out: { type: "string", default: "runs/recipes/data" },
  },
});
await mkdir(values.out, { recursive: true });
const at = (name: string): string => join(values.out, `${name}.jsonl`);
/** Poems are shorter than the texts that are compared for likeness by default (characters). */
const nearMinimum = 20;

const input = { path: positionals[0] ?? join(poems, "train.jsonl.gz"), limit: Number(values.limit) };
console.log(reportTable(await clean({}, { inputs: [input], output: at("clean") })));
console.log(reportTable(await dedupe({ inputs: [{ path: at("clean") }], output: at("unique"), nearMinimum })));
const against = [{ path: values.test }];
const leaks = await contamination({ inputs: [{ path: at("unique") }], against, output: at("train"), nearMinimum });
console.log(reportTable(leaks));
console.log(`→ ${at("train")}`);
