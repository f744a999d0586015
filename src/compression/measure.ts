/** What a change of the weights costs and gains: surprise at texts, and speed. */
import { bitsPerCharacter, perplexity, textLikelihoods } from "../evaluation/index.ts";
import { type LoadModelOptions, loadModel, type Model } from "../inference/index.ts";
import { CongError } from "../support/index.ts";

export interface Measured {
  readonly dtype: string;
  /** Of a token. */
  readonly perplexity: number;
  readonly bitsPerCharacter: number;
  /** Of one answer, after a warm-up. */
  readonly tokensPerSecond: number;
}

/** Tokens written for the speed. */
const timedTokens = 64;
const timedMilliseconds = 1000;

/** Loads a folder, measures it and lets it go, so that two models never share the machine. */
export async function measureFolder(
  folder: string,
  texts: readonly string[],
  options: LoadModelOptions = {},
): Promise<Measured> {
  const model = await loadModel(folder, options);
  try {
    return await measureModel(model, texts);
  } finally {
    await model.dispose();
  }
}

/** @throws CongError `NO_TOKENIZER`, `NO_ITEMS` */
export async function measureModel(model: Model, texts: readonly string[]): Promise<Measured> {
  const { tokenizer } = model;
  if (tokenizer === undefined) {
    throw new CongError(
      "NO_TOKENIZER",
      "texts cannot be measured without a tokenizer",
      {},
      "copy its files into the folder",
    );
  }
  const found = await textLikelihoods(model, tokenizer, texts);
  const nats = found.reduce((sum, { negativeLogLikelihood }) => sum + negativeLogLikelihood, 0);
  const tokens = found.reduce((sum, each) => sum + each.tokens, 0);
  if (tokens === 0) throw new CongError("NO_ITEMS", "the texts hold no tokens", {}, "give texts to measure on");
  const characters = texts.reduce((sum, text) => sum + [...text].length, 0);
  return {
    dtype: model.dtype,
    perplexity: perplexity(nats, tokens),
    bitsPerCharacter: bitsPerCharacter(nats, { characters }),
    tokensPerSecond: await speedOf(model, tokenizer.encode(texts[0]!)),
  };
}

/**
 * The best of three runs or more, for a second: the first one also compiles, and a run of a small model is so short that the
 * next ones are still getting faster.
 */
async function speedOf(model: Model, ids: readonly number[]): Promise<number> {
  const prompt = ids.slice(0, 16);
  const maxNewTokens = Math.min(timedTokens, model.config.contextLength - prompt.length);
  const began = performance.now();
  let best = 0;
  for (let round = 0; round < 3 || performance.now() - began < timedMilliseconds; round++) {
    const started = performance.now();
    // Without end tokens every run writes the same number.
    const [answer] = await model.generate({ inputIds: [prompt], maxNewTokens, endIds: [] });
    best = Math.max(best, answer!.ids.length / ((performance.now() - started) / 1000));
  }
  return best;
}
