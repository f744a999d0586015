/** `congling tokenizer train|report`. */
import { Command } from "commander";
import { CongError, Progress } from "../support/index.ts";
import { loadTokenizer } from "../tokenizers/index.ts";
import {
  nothingSetAside,
  reportAside,
  reportTokenizer,
  textsOfFiles,
  trainTokenizer,
  type WordPattern,
} from "../training/index.ts";
import { wholeNumber } from "./parse-number.ts";

interface DataOptions {
  readonly data: readonly string[];
  readonly format?: string;
}

interface TrainTokenizerOptions extends DataOptions {
  readonly vocabulary: number;
  readonly minFrequency: number;
  readonly words: string;
  readonly threads: number;
  readonly out: string;
}

interface ReportOptions extends DataOptions {
  readonly json?: true;
}

const files = (text: string, before?: readonly string[]) => [...(before ?? []), ...text.split(",")].filter(Boolean);

export function tokenizerCommand(): Command {
  const train = new Command("train")
    .description("train a byte-level BPE with GLM's special tokens, the same as Hugging Face's trainer gives")
    .requiredOption(
      "--data <files>",
      "text, JSONL, JSON or CSV files, also .gz; with commas or given several times",
      files,
    )
    .option("--vocabulary <n>", "tokens in all", wholeNumber(267), 8000)
    .option(
      "--words <pattern>",
      "how text is cut into words: glm-4, or characters (each Han character a word)",
      "glm-4",
    )
    .option("--min-frequency <n>", "a pair must occur so often to become a token", wholeNumber(0), 2)
    .option("--threads <n>", "threads that count words", wholeNumber(1), 2)
    .option("--format <name>", "record format; default: found by the fields")
    .requiredOption("-o, --out <folder>", "folder for tokenizer.json and tokenizer_config.json")
    .action(trainAction);
  const report = new Command("report")
    .description("compression, characters per token and coverage of a tokenizer on texts")
    .argument("<dir>", "folder of the tokenizer or of a model")
    .requiredOption("--data <files>", "files, as above", files)
    .option("--format <name>", "record format; default: found by the fields")
    .option("--json", "as JSON")
    .action(reportAction);
  const command = new Command("tokenizer").description("train tokenizers, and see what they make of text");
  for (const each of [train, report]) command.addCommand(each.exitOverride().showHelpAfterError("(see --help)"));
  return command.exitOverride();
}

async function trainAction(options: TrainTokenizerOptions): Promise<void> {
  const { data, out, vocabulary, minFrequency, words, threads, format } = options;
  const counting = new Progress({ label: "count words", unit: "characters" });
  const merging = new Progress({ label: "merge", unit: "tokens", total: vocabulary });
  const { trained, aside } = await trainTokenizer({
    files: data,
    out,
    vocabularySize: vocabulary,
    minFrequency,
    words: words as WordPattern,
    threads,
    format: format ?? null,
    onProgress: (progress) => {
      if (progress.phase === "count") counting.update(progress.characters);
      else merging.update(progress.tokens);
    },
  });
  const { words: different, countSeconds, mergeSeconds } = trained.report;
  reportAside(aside, (text) => void process.stderr.write(`${text}\n`));
  process.stdout.write(
    `${trained.tokens.length} tokens from ${different} different words in ${(countSeconds + mergeSeconds).toFixed(1)} s: ${out}\n`,
  );
  if (trained.tokens.length < vocabulary) {
    process.stdout.write(`the text has no more pairs that occur ${minFrequency} times: fewer than ${vocabulary}\n`);
  }
}

async function reportAction(folder: string, { data, format, json }: ReportOptions): Promise<void> {
  const aside = nothingSetAside();
  const tokenizer = await loadTokenizer(folder);
  const report = await reportTokenizer(tokenizer, textsOfFiles({ files: data, format: format ?? null }, aside));
  reportAside(aside, (text) => void process.stderr.write(`${text}\n`));
  if (report.characters === 0) {
    throw new CongError(
      "NO_DATA",
      "there is nothing to report on: the files hold no text",
      { data },
      "give files with text: --data",
    );
  }
  if (json === true) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const rows: readonly (readonly [string, string])[] = [
    ["texts", String(report.texts)],
    ["characters", String(report.characters)],
    ["tokens", String(report.tokens)],
    ["characters per token", report.charactersPerToken.toFixed(3)],
    ["bytes per token", report.bytesPerToken.toFixed(3)],
    ["vocabulary", `${report.vocabularySize}, ${percent(report.vocabularyUsed)} of it used`],
    ["bytes in whole characters", percent(report.byteCoverage)],
    ["Han characters in one token", percent(report.hanCoverage)],
    ["texts changed by a round trip", String(report.changedTexts)],
  ];
  process.stdout.write(`${rows.map(([name, value]) => `${name.padEnd(30)} ${value}`).join("\n")}\n`);
}
