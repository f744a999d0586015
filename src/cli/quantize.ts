/** `congling quantize`: a model in 4 or 8 bits, with size, perplexity and speed before and after. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type Measured, measureFolder, type QuantizedFolder, quantizeFolder } from "../compression/index.ts";
import { dataFolders, readTexts } from "../evaluation/index.ts";
import { CongError } from "../support/index.ts";
import { wholeNumber } from "./parse-number.ts";
import { modelFolderOf } from "./run-folders.ts";

interface QuantizeOptions {
  readonly bits: string;
  readonly out?: string;
  readonly text?: string;
  readonly limit: number;
  readonly measure: boolean;
  readonly threads?: number;
  readonly json?: true;
}

const examples = `
The folder loads like any other (chat, serve, evaluate, loadModel), in the type that it was quantised to. Weights of linear
layers get BITS bits in blocks of 32 with ggml's rounding (q4_0, q8_0); embedding and output layer get 8, norms and biases stay.
For llama.cpp and its kin, write GGUF: congling export DIR --to gguf --type q4_0 --out model.gguf

Examples:
  congling quantize runs/sft --bits 4 --out runs/sft-int4
  congling quantize runs/sft --bits 8 --out runs/sft-int8 --text texts.jsonl --json
  congling quantize models/glm-4-9b --bits 4 --out models/glm-4-9b-int4 --no-measure
`;

export function quantizeCommand(): Command {
  return new Command("quantize")
    .description("write a model with its weights in 4 or 8 bits, and say what that costs")
    .argument("<dir>", "folder of a model, or of the run that made it")
    .addOption(new Option("--bits <n>", "bits of a weight").choices(["4", "8"]).makeOptionMandatory())
    .option("-o, --out <dir>", "new folder for the quantised model (default: DIR-int4, DIR-int8)")
    .option("--text <file>", "texts to measure perplexity on, .jsonl or .txt (default: datasets/poems, test split)")
    .option("--limit <n>", "so many of the texts, from the start", wholeNumber(1), 200)
    .option("--no-measure", "do not measure perplexity and speed")
    .option("--threads <n>", "threads (default: physical cores)", wholeNumber(1))
    .option("--json", "print the report as JSON")
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(quantize);
}

async function quantize(given: string, options: QuantizeOptions): Promise<void> {
  const bits = options.bits === "4" ? 4 : 8;
  const out = options.out ?? `${given.replace(/\/+$/, "")}-int${bits}`;
  const from = await modelFolderOf(given);
  if (!existsSync(from)) {
    throw new CongError(
      "PATH_NOT_FOUND",
      `there is nothing at ${from}`,
      { from },
      "give the folder that holds config.json",
    );
  }
  // Missing texts are told before the work, not after it.
  const texts = options.measure ? (await textsOf(options)).slice(0, options.limit) : [];
  const written = await quantizeFolder(from, out, bits);
  const { threads } = options;
  const before = options.measure ? await measureFolder(from, texts, { threads }) : undefined;
  const after = options.measure ? await measureFolder(out, texts, { threads }) : undefined;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ bits, ...written, before, after }, null, 2)}\n`);
  else process.stdout.write(reportOf(written, before, after));
}

async function textsOf({ text }: QuantizeOptions): Promise<string[]> {
  if (text !== undefined) return readTexts(text);
  const hint = "name texts with --text FILE, or --no-measure";
  try {
    const file = join(dataFolders()("poems"), "test.jsonl.gz");
    if (existsSync(file)) return readTexts(file);
  } catch (error) {
    if (!CongError.is(error)) throw error;
  }
  throw new CongError("DATA_MISSING", "the test poems of datasets/poems are not here", {}, hint);
}

function reportOf(
  { folder, weights, linearBytes, totalBytes }: QuantizedFolder,
  before: Measured | undefined,
  after: Measured | undefined,
): string {
  const size = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  const change = (a: number, b: number): string => `${b >= a ? "+" : ""}${(100 * (b / a - 1)).toFixed(2)} %`;
  const { stored, float32, quantized } = linearBytes;
  const rows: [string, string, string, string][] = [
    ["", "before", "after", ""],
    [
      "linear weights",
      size(stored),
      size(quantized),
      `${(stored / quantized).toFixed(2)}× smaller (float32: ${(float32 / quantized).toFixed(2)}×)`,
    ],
    [
      "all tensors",
      size(totalBytes.stored),
      size(totalBytes.quantized),
      `${(totalBytes.stored / totalBytes.quantized).toFixed(2)}× smaller`,
    ],
  ];
  if (before !== undefined && after !== undefined) {
    const row = (name: string, key: "perplexity" | "bitsPerCharacter" | "tokensPerSecond"): void => {
      rows.push([name, before[key].toPrecision(5), after[key].toPrecision(5), change(before[key], after[key])]);
    };
    row("perplexity of a token", "perplexity");
    row("bits per character", "bitsPerCharacter");
    row("tokens per second", "tokensPerSecond");
  }
  const lines = rows.map(([name, a, b, c]) => `${name.padEnd(22)}${a.padStart(14)}${b.padStart(14)}  ${c}`.trimEnd());
  return `${folder}: ${weights} weights quantised\n${lines.join("\n")}\n`;
}
