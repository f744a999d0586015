/** The model of the quick start: a small GLM (Hugging Face architecture `glm`) and a byte-level BPE tokenizer of its own. */

import type { HostTensor } from "../../src/engine/index.ts";
import { initParameters, type JsonObject, type ParameterTree, readModelConfig } from "../../src/models/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { type Tokenizer, type TrainedBpe, tokenizerOf, trainByteLevelBpe } from "../../src/tokenizers/index.ts";
import type { BlankIds } from "../../src/training/objectives/blank-infilling.ts";
import type { Model } from "../../src/training/objectives/token-loss.ts";

/** GLM-4's special tokens, with the first ids. */
export const specialTokens = [
  ..."<|endoftext|> [MASK] [gMASK] [sMASK] <sop> <eop>".split(" "),
  ..."<|system|> <|user|> <|assistant|> <|observation|>".split(" "),
];

export interface PoemTokenizer {
  readonly tokenizer: Tokenizer;
  readonly trained: TrainedBpe;
  /** What blank infilling writes between the text. */
  readonly blanks: BlankIds;
  readonly padId: number;
  /** `<|user|>`, which ends an answer. */
  readonly userId: number;
}

/**
 * In classical Chinese a character is a word, so words end after every character and mark; merges then only put the bytes
 * of a character together. GLM-4's own pattern would join a comma with the character after it, and a line of verse with
 * the next; the small model then learns a character several times over.
 */
const pattern = "\\p{Han}|\\p{P}|[^\\p{Han}\\p{P}]+";

/** Trains the tokenizer on the poems themselves; a character that is not rare becomes one token. */
export async function trainPoemTokenizer(texts: readonly string[], vocabularySize: number): Promise<PoemTokenizer> {
  const trained = await trainByteLevelBpe(texts, { vocabularySize, specialTokens, pattern });
  const tokenizer = tokenizerOf(trained);
  const id = (token: string) => tokenizer.specialTokens.get(token)!;
  return {
    tokenizer,
    trained,
    blanks: {
      mask: id("[MASK]"),
      sentenceMask: id("[sMASK]"),
      generationMask: id("[gMASK]"),
      start: id("<sop>"),
      end: id("<eop>"),
    },
    padId: id("<|endoftext|>"),
    userId: id("<|user|>"),
  };
}

/** `config.json` of the model: 4 layers of 192 channels, half of each head rotating, output tied to the embedding. */
export const poemConfig = (vocabulary: number, { padId, userId, blanks }: PoemTokenizer): JsonObject => ({
  model_type: "glm",
  vocab_size: vocabulary,
  hidden_size: 192,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 32,
  intermediate_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  pad_token_id: padId,
  eos_token_id: [padId, userId, blanks.end],
});

export interface FreshModel {
  readonly model: Model;
  readonly parameters: ParameterTree<HostTensor>;
}

export function freshPoemModel(tokenizer: PoemTokenizer, seed: number): FreshModel {
  const model = readModelConfig(poemConfig(tokenizer.tokenizer.vocabularySize, tokenizer));
  const specs = model.family.parameters(model.config);
  return { model, parameters: initParameters(specs, createRandom(seed).fork("parameters")) };
}
