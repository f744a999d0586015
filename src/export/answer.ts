/**
 * A greedy answer: what a model says after a prompt, with the scores behind every choice. Verification compares the
 * answers of two programs that ran the same weights.
 */

import { onnxruntimeBackend } from "../engine/backends/onnxruntime/index.ts";
import {
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  specOf,
  type Tensor,
  type TensorSpec,
  trace,
} from "../engine/index.ts";
import type { LoadedParameters, ModelConfig, ParameterTree } from "../models/index.ts";
import { CongError } from "../support/index.ts";

export interface Answer {
  readonly prompt: readonly number[];
  /** The likeliest token again and again. */
  readonly tokens: readonly number[];
  /** `logits[i]` [V] is what `tokens[i]` was chosen from. */
  readonly logits: readonly Float32Array[];
}

/** Congling's own answer, without a cache: the plainest computation there is. */
export async function answerOf(
  { family, config, parameters }: LoadedParameters,
  prompt: readonly number[],
  newTokens: number,
): Promise<Answer> {
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(parameters, specOf);
    const tensors = builder.constants("model", specs) as ParameterTree<Tensor>;
    const ids = builder.input("ids", "int64", [1, "length"]);
    const { hidden } = family.forward(config, tensors, { ids });
    builder.output("logits", family.logits(config, tensors, hidden.at(-1)!));
  });
  const constants = Object.fromEntries(
    flattenTree<HostTensor>(parameters).map(([path, leaf]) => [`model.${path}`, leaf]),
  );
  const program = await onnxruntimeBackend().compile(graph, { constants });
  try {
    const tokens: number[] = [];
    const logits: Float32Array[] = [];
    while (tokens.length < newTokens) {
      const ids = [...prompt, ...tokens];
      const out = await program.run({ ids: hostTensor("int64", [1, ids.length], ids) });
      const last = (out.logits!.data as Float32Array).slice(-config.vocabulary);
      logits.push(last);
      tokens.push(largestIndex(last));
    }
    return { prompt, tokens, logits };
  } finally {
    await program.dispose();
  }
}

/** The first index of the largest value. */
export function largestIndex(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** A prompt for models without a tokenizer: eight ids spread over the vocabulary. */
export function spreadPrompt({ vocabulary, contextLength }: ModelConfig): number[] {
  const length = Math.max(1, Math.min(8, contextLength - 1));
  // Steps of the golden ratio hit every part of the vocabulary (Weyl sequence).
  return Array.from({ length }, (_, i) => Math.floor((((i + 1) * 0.6180339887498949) % 1) * vocabulary));
}

export interface AnswerTolerance {
  /** Largest max|a − b| / max|reference| of the logits of one step. */
  readonly logits: number;
}

export interface AnswerComparison {
  /** Steps compared. */
  readonly steps: number;
  /** Largest relative error of the logits. */
  readonly error: number;
  readonly tolerance: number;
  /** Steps at which the two chose different tokens whose scores are closer than the logits' difference. */
  readonly ties: readonly number[];
}

/**
 * Compares another program's answer with ours. It was fed *our* tokens after the prompt, so every step answers the same
 * text. Tokens must be the same, except where two scores are so close that the difference of that step's logits, itself
 * within the tolerance, swaps them: then neither choice is wrong, and the step is reported.
 * @throws CongError `VERIFICATION_FAILED` that says which step differs and by how much
 */
export function compareAnswers(
  judge: string,
  ours: Answer,
  theirs: Answer,
  tolerance: AnswerTolerance,
): AnswerComparison {
  let error = 0;
  const ties: number[] = [];
  const fail = (what: string, details: Record<string, unknown>): CongError =>
    new CongError(
      "VERIFICATION_FAILED",
      `${judge} does not answer as Congling does: ${what}`,
      { judge, ours: ours.tokens, theirs: theirs.tokens, ...details },
      "the export is not usable; please report the model's configuration and these numbers",
    );
  if (theirs.tokens.length !== ours.tokens.length) {
    throw fail(`${theirs.tokens.length} tokens instead of ${ours.tokens.length}`, {});
  }
  for (const [step, logits] of ours.logits.entries()) {
    const other = theirs.logits[step]!;
    if (other.length !== logits.length) throw fail(`${other.length} logits instead of ${logits.length}`, { step });
    const { difference, scale } = distance(logits, other);
    if (!(difference <= tolerance.logits * scale)) {
      const size = `${(difference / scale).toExponential(2)} of the largest, allowed ${tolerance.logits.toExponential(1)}`;
      throw fail(`the logits of step ${step} differ by ${size}`, { step, error: difference / scale });
    }
    error = Math.max(error, difference / scale);
    const [mine, yours] = [ours.tokens[step]!, theirs.tokens[step]!];
    if (mine === yours) continue;
    const gap = logits[mine]! - logits[yours]!;
    if (!(gap <= 2 * difference)) throw fail(`step ${step} gives token ${yours} instead of ${mine}`, { step, gap });
    ties.push(step);
  }
  return { steps: ours.tokens.length, error, tolerance: tolerance.logits, ties };
}

function distance(reference: Float32Array, other: Float32Array): { difference: number; scale: number } {
  let difference = 0;
  let scale = Number.MIN_VALUE;
  for (let i = 0; i < reference.length; i++) {
    const gap = Math.abs(reference[i]! - other[i]!);
    if (!(gap <= difference)) difference = gap; // also when it is not a number
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return { difference, scale };
}
