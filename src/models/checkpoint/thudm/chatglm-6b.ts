/**
 * ChatGLM-6B keeps the names of its release. What is computed is left out, and the output layer, which shares the
 * embedding's weight, is there even when the folder stores it once.
 */
import type { Checkpoint } from "../checkpoint.ts";
import { type RowsOf, renamed } from "../renamed.ts";
import { isPrefixEncoder } from "./names.ts";

const embedding = "transformer.word_embeddings.weight";
const outputLayer = "lm_head.weight";

export function fromChatGlm6b(checkpoint: Checkpoint): Checkpoint {
  const kept = checkpoint.names.filter((name) => !isPrefixEncoder(name) && !name.endsWith(".rotary_emb.inv_freq"));
  const sources = new Map<string, RowsOf>(kept.map((name) => [name, { tensor: name }]));
  if (!sources.has(outputLayer) && sources.has(embedding)) sources.set(outputLayer, { tensor: embedding });
  return {
    ...renamed(checkpoint, sources, checkpoint.config),
    hasPrefixEncoder: checkpoint.names.some(isPrefixEncoder),
  };
}
