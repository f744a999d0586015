/**
 * How a family lays a prompt out: positions of its tokens and of those generated after it, and how much of it every
 * token sees.
 *
 * Causal models count 0, 1, 2, … and look back only. GLM and ChatGLM-6B read the prompt in both directions and have two
 * rows of positions (place in the prompt, place in the answer).
 */
import type { ModelConfig, ModelFamily } from "../models/index.ts";

/** The layout of one text, decided by its prompt. */
export interface PromptLayout {
  /** This many leading tokens are seen by every token; 0 for causal models. */
  readonly visible: number;
  /** Positions of token `index` (from 0, padding not counted), one for each position row of the family. */
  positions(index: number): readonly number[];
}

/** A family that does not just count from 0. */
export interface LayoutFamily {
  /** How many rows of positions the network takes. */
  readonly positionRows: 1 | 2;
  promptLayout(config: ModelConfig, prompt: readonly number[]): PromptLayout;
}

const counting: PromptLayout = { visible: 0, positions: (index) => [index] };
const countingFamily: LayoutFamily = { positionRows: 1, promptLayout: () => counting };

/** The family's layout; families without one count from 0. */
export const layoutFamily = (family: ModelFamily): LayoutFamily => (hasLayout(family) ? family : countingFamily);

const hasLayout = (family: object): family is LayoutFamily => "promptLayout" in family && "positionRows" in family;
