/** What a tuned model is measured by: loss on adverts and on general text, and its greedy answers beside the real adverts. */
import { loadSegmenter } from "../../src/data/index.ts";
import { logLikelihoods, rouge, sentenceBleu, textLikelihoods } from "../../src/evaluation/index.ts";
import { loadModel, type Model } from "../../src/inference/index.ts";
import { CongError } from "../../src/support/index.ts";
import type { LoadedTokenizer } from "../../src/tokenizers/index.ts";
import { longestPart } from "./base.ts";
import type { Advert } from "./records.ts";

export interface Losses {
  /** Mean nats a token of the adverts, with the token that ends them, after their attributes. */
  readonly loss: number;
  /** Mean nats a token of general text. */
  readonly generalLoss: number;
}

/** From 0 to 100. */
export interface Scores {
  readonly rougeL: number;
  readonly bleu4: number;
}

export interface Measured extends Losses, Partial<Scores> {}

export interface MeasureOptions {
  readonly adverts: readonly Advert[];
  readonly general: readonly string[];
  /** Whether answers are written and scored, which takes longest. */
  readonly answers: boolean;
  readonly threads: number | null;
}

/** Measures a model folder, with the adapter in another folder where one is given. */
export async function measure(folder: string, adapter: string | undefined, options: MeasureOptions): Promise<Measured> {
  const model = await loadModel(folder, { adapter, threads: options.threads ?? undefined });
  try {
    const tokenizer = model.tokenizer as LoadedTokenizer;
    const pairs = options.adverts.map((advert) => idsOf(advert, tokenizer));
    const adverts = await logLikelihoods(model, pairs);
    const general = await textLikelihoods(model, tokenizer, options.general);
    const losses = {
      loss: -sumOf(adverts, (row) => row.logProbability) / sumOf(adverts, (row) => row.tokens),
      generalLoss: sumOf(general, (row) => row.negativeLogLikelihood) / sumOf(general, (row) => row.tokens),
    };
    if (!options.answers) return losses;
    const answers = await answersOf(
      model,
      pairs.map(({ context }) => context),
    );
    return { ...losses, ...(await scoresOf(answers, options.adverts)) };
  } finally {
    await model.dispose();
  }
}

/** The ids of a conversation under the template `plain`, as `sft` lays them out. */
function idsOf({ content, summary }: Advert, tokenizer: LoadedTokenizer) {
  const end = tokenizer.specialTokens.get("<eop>");
  if (end === undefined) {
    throw new CongError("NO_TOKENIZER", "the base's tokenizer has no <eop>", {}, "delete the kept base");
  }
  return {
    context: tokenizer.encode(content),
    target: [...tokenizer.encode(summary, { addSpecialTokens: false }), end],
  };
}

const sumOf = <T>(rows: readonly T[], read: (row: T) => number): number =>
  rows.reduce((sum, row) => sum + read(row), 0);

/** Prompts answered at once; those of like length stand together, so that little is padded. */
const promptsAtOnce = 128;

async function answersOf(model: Model, prompts: readonly (readonly number[])[]): Promise<string[]> {
  const order = [...prompts.keys()].sort((a, b) => prompts[a]!.length - prompts[b]!.length);
  const answers = new Array<string>(prompts.length);
  for (let from = 0; from < order.length; from += promptsAtOnce) {
    const rows = order.slice(from, from + promptsAtOnce);
    const found = await model.generate({ inputIds: rows.map((row) => prompts[row]!), maxNewTokens: longestPart + 1 });
    rows.forEach((row, i) => {
      answers[row] = found[i]!.text ?? "";
    });
  }
  return answers;
}

/** The metric of ChatGLM-6B's P-Tuning demo: ROUGE-L's F over jieba's words; sentence BLEU-4 over characters. Means. */
async function scoresOf(answers: readonly string[], adverts: readonly Advert[]): Promise<Scores> {
  const segment = await loadSegmenter();
  const unit = { name: "jieba", split: (text: string) => [...segment(text)] };
  const references = adverts.map(({ summary }) => [summary]);
  const bleu = answers.map(
    // NLTK's smoothing method 3 is sacreBLEU's "exp".
    (answer, i) => sentenceBleu(answer, references[i]!, { tokenizer: "char", effectiveOrder: false }).score,
  );
  return {
    rougeL: 100 * rouge(answers, references, { unit }).rougeL.f,
    bleu4: sumOf(bleu, (score) => score) / bleu.length,
  };
}
