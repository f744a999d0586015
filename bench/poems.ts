/**
 * Poems from zero: bits a character on test poems, beside a modified Kneser–Ney trigram of the same training split, and
 * the choice of the next line among four of the same form.
 *
 * Bits: whole body after `[gMASK]<sop>`, Han characters and punctuation, no title, without the end of the poem, for both.
 * A character that the trigram never saw costs it one token shared by all such; the model spells it in bytes.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { trigramBits } from "../src/evaluation/index.ts";
import { loadModelParameters } from "../src/models/index.ts";
import { createRandom, type Random } from "../src/support/random.ts";
import { loadTokenizer, type Tokenizer } from "../src/tokenizers/index.ts";
import { pretrain, pretrainSettings, resolveSettings, trainTokenizer } from "../src/training/index.ts";
import { createTokenEvaluator, type TokenEvaluator } from "../src/training/objectives/evaluator.ts";
import { openingOf } from "../src/training/objectives/objective.ts";
import { ignored, type Sample } from "../src/training/objectives/samples.ts";
import { type Benchmark, type Row, say } from "./report.ts";

interface Poem {
  readonly form: string;
  readonly text: string;
}

const pathOf = (split: string): string => `datasets/poems/${split}.jsonl.gz`;

const readPoems = (split: "train" | "test"): Poem[] =>
  gunzipSync(readFileSync(pathOf(split)))
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Poem);

export const poems: Benchmark = {
  summary: "poems from zero: bits a character beside a trigram, and the next line among four",
  options: "[--seeds 0,1,2] [--minutes 60] [--depth 6] [--vocabulary 7000] [--choices 1000] [--keep FOLDER]",
  async run(options) {
    const test = readPoems("test");
    const trigram = trigramBits(
      readPoems("train").map(({ text }) => text),
      test.map(({ text }) => text),
    );
    say(`trigram: ${trigram.toFixed(4)} bits a character`);
    const rows: Row[] = [];
    for (const seed of (options.get("seeds") ?? "0").split(",").map(Number)) {
      rows.push(await run(seed, trigram, test, options));
    }
    return rows;
  },
};

async function run(
  seed: number,
  trigram: number,
  test: readonly Poem[],
  options: ReadonlyMap<string, string>,
): Promise<Row> {
  const kept = options.get("keep");
  const folder = kept === undefined ? mkdtempSync(join(tmpdir(), "poems-")) : join(kept, `seed-${seed}`);
  const began = performance.now();
  const tokenizerFolder = join(folder, "tokenizer");
  const vocabularySize = Number(options.get("vocabulary") ?? 7000);
  await trainTokenizer({ files: [pathOf("train")], out: tokenizerFolder, vocabularySize, words: "characters" });
  const settings = resolveSettings(pretrainSettings, {
    depth: Number(options.get("depth") ?? 6),
    out: join(folder, "run"),
    seed,
    minutes: Number(options.get("minutes") ?? 60),
    tokenizer: tokenizerFolder,
    data: { train: [pathOf("train")], valid: [pathOf("valid")] },
    // Whole poems from their beginning are what is measured, so that is what half of the texts are.
    objective: { name: "blank-infilling", token: 0.2, sentence: 0.1, generation: 0.7, shortestGeneration: 0.5 },
    evaluation: { rows: 64 },
  }).values;
  const summary = await pretrain(settings, { say });
  const { family, config, parameters } = await loadModelParameters(join(folder, "run", "model"));
  const tokenizer = await loadTokenizer(join(folder, "run", "model"));
  const evaluator = await createTokenEvaluator(onnxruntimeBackend(), { family, config }, parameters, {
    batch: 4,
    length: 128,
  });
  const bits = await bitsPerCharacter(evaluator, tokenizer, test);
  const choice = await nextLine(evaluator, tokenizer, test, Number(options.get("choices") ?? 1000), createRandom(0));
  await evaluator.dispose();
  if (kept === undefined) rmSync(folder, { recursive: true });
  return {
    seed,
    bitsPerCharacter: bits,
    trigram,
    below: 1 - bits / trigram,
    nextLine: choice,
    steps: summary!.steps,
    minutes: Number(((performance.now() - began) / 60_000).toFixed(2)),
  };
}

/** Asks for `text` after a prompt. */
function textSample(tokenizer: Tokenizer, prompt: string, text: string): Sample {
  const plain = { addSpecialTokens: false };
  const before = [...openingOf(tokenizer), ...tokenizer.encode(prompt, plain)];
  const own = tokenizer.encode(text, plain);
  const ids = [...before, ...own];
  return { ids: ids.slice(0, -1), targets: [...before.slice(1).map(() => ignored), ...own] };
}

async function bitsPerCharacter(
  evaluator: TokenEvaluator,
  tokenizer: Tokenizer,
  test: readonly Poem[],
): Promise<number> {
  const { loss, targets } = await evaluator.evaluate(test.map(({ text }) => textSample(tokenizer, "", text)));
  const characters = test.reduce((sum, { text }) => sum + [...text].length, 0);
  return (loss * targets) / Math.LN2 / characters;
}

/** Lines with the mark that ends them. */
const linesOf = (text: string): string[] => text.match(/[^，。？！；]+[，。？！；]/g) ?? [];

/** Share of poems whose second half begins, by the model, with the poet's line: three lines of other poems stand beside it. */
async function nextLine(
  evaluator: TokenEvaluator,
  tokenizer: Tokenizer,
  test: readonly Poem[],
  count: number,
  random: Random,
): Promise<number> {
  const lines = test.map(({ form, text }) => ({ form, lines: linesOf(text) }));
  let [right, asked] = [0, 0];
  for (const [i, poem] of lines.entries()) {
    if (asked === count) break;
    const at = poem.lines.length / 2;
    const others = lines.filter(
      (other, j) => j !== i && other.form === poem.form && other.lines.length === poem.lines.length,
    );
    if (!Number.isInteger(at) || at === 0 || others.length < 3) continue;
    const picked = random.permutation(others.length).slice(0, 3);
    const mark = poem.lines[at]!.at(-1)!;
    // The same mark behind every line, so that only words decide.
    const choices = [poem.lines[at]!, ...Array.from(picked, (j) => others[j]!.lines[at]!.slice(0, -1) + mark)];
    const prompt = poem.lines.slice(0, at).join("");
    const nats: number[] = [];
    for (const choice of choices) {
      const { loss, targets } = await evaluator.evaluate([textSample(tokenizer, prompt, choice)]);
      nats.push(loss * targets);
    }
    asked++;
    if (nats.every((each, j) => j === 0 || nats[0]! < each)) right++;
  }
  return right / asked;
}
