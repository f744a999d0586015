/**
 * Verifies a GGUF file: llama.cpp loads it and answers a prompt, Congling answers the same prompt with the weights read
 * back from the same file, and tokens and logits are compared. Both sides hold the same rounded weights, so what remains
 * is arithmetic: the order of float32 sums, and the activations that ggml rounds for products with half-precision (to
 * float16) and quantised weights (to q8_0).
 */
import type { ModelConfig, ModelFamily } from "../../models/index.ts";
import { type Answer, type AnswerComparison, answerOf, compareAnswers, spreadPrompt } from "../answer.ts";
import { askLlamaCpp, type JudgeOptions } from "./judge.ts";
import { readGgufParameters } from "./read-back.ts";
import type { GgufExportType } from "./tensor-type.ts";

export interface VerifyGgufOptions extends JudgeOptions {
  /** Token ids to answer. Default: eight ids spread over the vocabulary. */
  readonly prompt?: readonly number[];
  /** Tokens of the answer. Default 16. */
  readonly newTokens?: number;
  /** What to expect instead of Congling's own answer, for models too large to run here in float32. */
  readonly expected?: Answer;
  /** Allowed relative error of the logits. Default by weight type: see `ggufTolerance`. */
  readonly tolerance?: number;
}

export interface GgufVerification extends AnswerComparison {
  /** The judge and its release. */
  readonly judge: string;
  /** Element type of its key/value cache. */
  readonly cacheType: "F32" | "F16";
  readonly answer: Answer;
}

/**
 * Allowed max|a − b| / max|reference| of logits over the same weights. f32: sums in another order. f16: ggml rounds
 * activations to half precision before every product (2^-11 each). q8_0 and q4_0: it rounds them to 8 bits with one scale
 * for 32, an error of up to 1/254 of the largest of each 32, which some ten products in a row add up.
 */
export const ggufTolerance: Readonly<Record<GgufExportType, number>> = { f32: 1e-4, f16: 5e-3, q8_0: 5e-2, q4_0: 5e-2 };

/**
 * Compares llama.cpp's answer with ours; returns how close they were.
 * @throws CongError `VERIFICATION_FAILED` when tokens or logits differ, `VERIFIER_MISSING` without `node-llama-cpp`
 */
export async function verifyGguf(
  file: string,
  {
    family,
    config,
    type,
  }: { readonly family: ModelFamily; readonly config: ModelConfig; readonly type: GgufExportType },
  options: VerifyGgufOptions = {},
): Promise<GgufVerification> {
  const { expected, newTokens = 16, cacheType = "F32", tolerance = ggufTolerance[type] } = options;
  const prompt = expected?.prompt ?? options.prompt ?? spreadPrompt(config);
  const steps = expected?.tokens.length ?? Math.min(newTokens, config.contextLength - prompt.length);
  const ours = expected ?? (await answerOf(await readGgufParameters(file, family, config), prompt, steps));
  const theirs = await askLlamaCpp(file, prompt, ours.tokens, config.vocabulary, { ...options, cacheType });
  const comparison = compareAnswers(theirs.judge, ours, theirs, { logits: tolerance });
  return { ...comparison, judge: theirs.judge, cacheType, answer: theirs };
}
