/**
 * How a family lays out a text that grows: positions of the prompt's tokens and of those after it, and how much of the
 * prompt every token sees.
 *
 * Causal models count 0, 1, 2, … and look back only. GLM and ChatGLM-6B have two rows of positions, decided by the
 * prompt: what comes after it stays at the place of the last blank and goes on counting inside the span.
 */
import type { ModelConfig, ModelFamily } from "../models/index.ts";

export interface PromptLayout {
  /** This many leading tokens are seen by every token; 0 for causal models. */
  readonly visible: number;
  /** Positions of token `index` (from 0, padding not counted), one for each position row of the family. */
  positions(index: number): readonly number[];
}

/** How many rows of positions the network takes. */
export const positionRows = (family: ModelFamily): 1 | 2 => (family.layout === undefined ? 1 : 2);

/**
 * The layout of a text that begins with `prompt`.
 * @throws CongError `BAD_ARGUMENT` when the family cannot lay this prompt out
 */
export function promptLayout(family: ModelFamily, config: ModelConfig, prompt: readonly number[]): PromptLayout {
  const layout = family.layout?.(config, prompt);
  if (layout === undefined) return { visible: 0, positions: (index) => [index] };
  const [places, inside] = layout.positions;
  const last = prompt.length - 1;
  return {
    visible: layout.prefixLength,
    positions: (index) =>
      index <= last ? [places[index]!, inside[index]!] : [places[last]!, inside[last]! + index - last],
  };
}
