/** Which layout a folder has: told by the keys of its configuration, since all ChatGLM share one `model_type`. */
import type { JsonObject } from "../../family.ts";

/**
 * "chatglm": ChatGLM2, ChatGLM3 and GLM-4-9B as THUDM published them; "chatglm-6b": the first ChatGLM; "hugging-face":
 * all others.
 */
export type CheckpointLayout = "chatglm" | "chatglm-6b" | "hugging-face";

export function layoutOf(config: JsonObject): CheckpointLayout {
  if (config.model_type !== "chatglm") return "hugging-face";
  const isLater = ["padded_vocab_size", "ffn_hidden_size", "kv_channels", "multi_query_attention"].some((key) =>
    Object.hasOwn(config, key),
  );
  return isLater ? "chatglm" : "chatglm-6b";
}
