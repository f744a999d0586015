/**
 * Masked language modelling (BERT, Devlin et al. 2019, section 3.1): 15 % of the tokens are asked for; of these 80 %
 * stand as [MASK], 10 % as a random token, 10 % as themselves. Drawn anew each time a text is seen (RoBERTa).
 */
import type { Random } from "../../support/random.ts";
import { ignored, type Sample } from "./samples.ts";

export interface MaskedOptions {
  /** Id of [MASK]. */
  readonly mask: number;
  /** Random tokens are drawn from 0 … vocabulary − 1, special ones excepted. */
  readonly vocabulary: number;
  /** Ids that are neither asked for nor drawn. */
  readonly special: ReadonlySet<number>;
  /** Share of the tokens that are asked for. Default 0.15. */
  readonly ratio?: number;
}

/** Asks for at least one token of a text that has one which is not special. */
export function maskedSample(ids: readonly number[], options: MaskedOptions, random: Random): Sample {
  const { mask, vocabulary, special, ratio = 0.15 } = options;
  const places = [...ids.keys()].filter((i) => !special.has(ids[i]!));
  const count = places.length === 0 ? 0 : Math.max(1, Math.round(ratio * places.length));
  const input = [...ids];
  const targets = ids.map(() => ignored);
  const order = random.permutation(places.length);
  for (let n = 0; n < count; n++) {
    const place = places[order[n]!]!;
    targets[place] = ids[place]!;
    const how = random.uniform();
    if (how < 0.8) input[place] = mask;
    else if (how < 0.9) input[place] = randomToken(vocabulary, special, random);
  }
  return { ids: input, targets };
}

function randomToken(vocabulary: number, special: ReadonlySet<number>, random: Random): number {
  // Special tokens are few: a second draw is rarely needed, and a bound keeps a vocabulary of nothing else finite.
  for (let tries = 0; tries < 1000; tries++) {
    const id = random.integer(vocabulary);
    if (!special.has(id)) return id;
  }
  return 0;
}
