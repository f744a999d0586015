/**
 * The surprise of a model at whole texts. A text longer than the context is read in windows that overlap by half, so that
 * every token but the first ones is predicted from at least half a window.
 */
import type { Model, ModelTokenizer } from "../../inference/index.ts";
import { openingIds, type SplitIds } from "./encode.ts";
import { type LikelihoodOptions, logLikelihoods } from "./log-likelihood.ts";

export interface TextLikelihood {
  /** −ln P of the text, in nats. */
  readonly negativeLogLikelihood: number;
  /** Tokens predicted. */
  readonly tokens: number;
}

/** Longest window in tokens; longer ones cost more than they tell about small models. */
const longestWindow = 1024;

export async function textLikelihoods(
  model: Model,
  tokenizer: ModelTokenizer,
  texts: readonly string[],
  options: LikelihoodOptions = {},
): Promise<TextLikelihood[]> {
  const opening = openingIds(tokenizer, model.endIds);
  const window = Math.max(2, Math.min(longestWindow, model.config.contextLength - opening.length));
  const step = Math.max(1, Math.floor(window / 2));
  const pairs: SplitIds[] = [];
  const owners: number[] = [];
  texts.forEach((text, owner) => {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    for (let at = 0; at < ids.length; at += step) {
      const context = [...opening, ...ids.slice(Math.max(0, at - step), at)];
      const target = ids.slice(at, at + step);
      // Without any token to start from, the first one is given.
      const pair = context.length > 0 ? { context, target } : { context: target.slice(0, 1), target: target.slice(1) };
      if (pair.target.length === 0) continue;
      pairs.push(pair);
      owners.push(owner);
    }
  });
  const found = await logLikelihoods(model, pairs, options);
  const sums = texts.map(() => ({ negativeLogLikelihood: 0, tokens: 0 }));
  found.forEach(({ logProbability, tokens }, i) => {
    const sum = sums[owners[i]!]!;
    sum.negativeLogLikelihood -= logProbability;
    sum.tokens += tokens;
  });
  return sums;
}
