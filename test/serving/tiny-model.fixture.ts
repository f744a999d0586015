/** A whole model folder with random weights and a tokenizer trained on the spot: what commands are tried on. */
import { initParameters, type JsonObject, readModelConfig, saveCheckpoint } from "../../src/models/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { trainByteLevelBpe, writeTokenizer } from "../../src/tokenizers/index.ts";

const specialTokens = [
  "<|endoftext|>",
  "[MASK]",
  "[gMASK]",
  "[sMASK]",
  "<sop>",
  "<eop>",
  "<|system|>",
  "<|user|>",
  "<|assistant|>",
  "<|observation|>",
];

const texts = ["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"];

export interface TinyModelOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Default 256. */
  readonly contextLength?: number;
  /** false: none of GLM's tokens, so no chat template. Default true. */
  readonly chats?: boolean;
}

/** Writes a `glm` model of 32 channels and 2 layers, and its tokenizer of at most 320 tokens, into `folder`. */
export async function writeTinyModel(folder: string, options: TinyModelOptions = {}): Promise<void> {
  const { seed = 1, contextLength = 256, chats = true } = options;
  const trained = await trainByteLevelBpe(texts, {
    vocabularySize: 320,
    specialTokens: chats ? specialTokens : specialTokens.slice(0, 1),
    threads: 1,
    ...(chats ? { surround: { before: ["[gMASK]", "<sop>"] } } : {}),
  });
  const json: JsonObject = {
    model_type: "glm",
    vocab_size: trained.tokens.length,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    intermediate_size: 64,
    max_position_embeddings: contextLength,
    eos_token_id: [0],
    pad_token_id: 0,
  };
  const { family, config } = readModelConfig(json);
  // Wide weights, so that the next token depends visibly on the text.
  const parameters = initParameters(family.parameters(config), createRandom(seed), 0.3);
  await saveCheckpoint(folder, { config: family.writeConfig(config), parameters });
  await writeTokenizer(folder, trained, { names: { end: "<|endoftext|>", pad: "<|endoftext|>" } });
}
