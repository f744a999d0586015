/**
 * Benchmark `tokenizer`: encoding speed of the three kinds of tokenizer on one thread, and the time to train a byte-level BPE of
 * 6,000 tokens. Beside the trainer stands what the Rust implementation took for the same file when the fixtures were made.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CongError } from "../src/support/index.ts";
import {
  linesOf,
  parseTokenizerJson,
  sentencePieceTokenizer,
  type Tokenizer,
  trainByteLevelBpe,
} from "../src/tokenizers/index.ts";
import { type Benchmark, median, type Row, say } from "./report.ts";

const repeats = 5;
const threads = 2;

export const tokenizerBenchmark: Benchmark = {
  summary: "encoding speed on one thread (byte-level BPE, unigram, SentencePiece BPE) and BPE training time",
  options: "[--folder DIR] with corpus.txt and the models (default ../shared/golden/tokenizers)",
  async run(options) {
    const folder = options.get("folder") ?? "../shared/golden/tokenizers";
    const corpus = join(folder, "corpus.txt");
    if (!existsSync(corpus)) {
      throw new CongError(
        "PATH_NOT_FOUND",
        `there is no ${corpus}`,
        { corpus },
        "pass --folder DIR with the tokenizer fixtures",
      );
    }
    const text = readFileSync(corpus, "utf8");
    const read = (name: string): Buffer => readFileSync(join(folder, name));
    const makers: Readonly<Record<string, () => Tokenizer>> = {
      "byte-level BPE": () => parseTokenizerJson(read("bytelevel-bpe.tokenizer.json")),
      "SentencePiece unigram": () => sentencePieceTokenizer(read("spm-unigram.model")),
      "SentencePiece BPE": () => sentencePieceTokenizer(read("spm-bpe.model")),
    };
    const rows: Row[] = [];
    for (const [kind, make] of Object.entries(makers)) rows.push(...encodeRows(kind, make, text));
    rows.push(await trainRow(corpus, folder));
    return rows;
  },
};

/**
 * "first": the first text a new tokenizer sees in a process that has run the code before. "again": the same tokenizer, whose word
 * cache knows the text.
 */
function encodeRows(kind: string, make: () => Tokenizer, text: string): Row[] {
  const bytes = Buffer.byteLength(text);
  const lines = text.split("\n");
  const speeds: Record<"first" | "again", number[]> = { first: [], again: [] };
  let tokens = 0;
  for (let i = 0; i < repeats + 1; i++) {
    const tokenizer = make();
    for (const pass of ["first", "again"] as const) {
      const began = performance.now();
      tokens = 0;
      for (const line of lines) tokens += tokenizer.encode(line, { addSpecialTokens: false }).length;
      // The very first round only warms the compiler up.
      if (i > 0) speeds[pass].push(bytes / 1e3 / (performance.now() - began));
    }
  }
  say(`${kind}: ${median(speeds.first).toFixed(1)} MB/s, ${median(speeds.again).toFixed(1)} MB/s again`);
  return (["first", "again"] as const).map((pass) => ({
    task: "encode",
    tokenizer: kind,
    pass,
    threads: 1,
    megabytesPerSecond: median(speeds[pass]),
    tokens,
    bytes,
  }));
}

async function trainRow(corpus: string, folder: string): Promise<Row> {
  const seconds: number[] = [];
  let tokens = 0;
  for (let i = 0; i < repeats; i++) {
    const began = performance.now();
    const trained = await trainByteLevelBpe(linesOf(corpus), {
      vocabularySize: 6000,
      specialTokens: ["<|endoftext|>"],
      threads,
    });
    seconds.push((performance.now() - began) / 1000);
    tokens = trained.tokens.length;
    say(`training: ${seconds.at(-1)!.toFixed(2)} s`);
  }
  const golden = join(folder, "bytelevel-bpe.golden.json");
  const reference: unknown = existsSync(golden) ? JSON.parse(readFileSync(golden, "utf8")).train_seconds : undefined;
  return {
    task: "train",
    tokenizer: "byte-level BPE",
    threads,
    tokens,
    seconds: median(seconds),
    firstSeconds: seconds[0],
    ...(typeof reference === "number" ? { rustSecondsElsewhere: reference } : {}),
  };
}
