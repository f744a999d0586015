/** How well a model predicts text: perplexity, bits per byte, bits per character. */
import { CongError } from "../../support/index.ts";

/** e to the mean negative log-likelihood of a token. Comparable only between models with the same tokenizer. */
export function perplexity(negativeLogLikelihood: number, tokens: number): number {
  checkCount("perplexity", "tokens", tokens, negativeLogLikelihood);
  return Math.exp(negativeLogLikelihood / tokens);
}

/** Bits that the model needs for a byte of the UTF-8 text: comparable between tokenizers. The likelihood is in nats. */
export function bitsPerByte(negativeLogLikelihood: number, text: string | { readonly bytes: number }): number {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text).length : text.bytes;
  checkCount("bitsPerByte", "bytes", bytes, negativeLogLikelihood);
  return negativeLogLikelihood / Math.LN2 / bytes;
}

/** Bits per character, a character being a Unicode code point. */
export function bitsPerCharacter(
  negativeLogLikelihood: number,
  text: string | { readonly characters: number },
): number {
  const characters = typeof text === "string" ? [...text].length : text.characters;
  checkCount("bitsPerCharacter", "characters", characters, negativeLogLikelihood);
  return negativeLogLikelihood / Math.LN2 / characters;
}

function checkCount(metric: string, unit: string, count: number, likelihood: number): void {
  if (Number.isInteger(count) && count > 0 && !Number.isNaN(likelihood)) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `${metric}: a negative log-likelihood of ${likelihood} over ${count} ${unit}`,
    { metric, count, likelihood },
    `pass the summed negative log-likelihood in nats and how many ${unit} it covers, at least one`,
  );
}
