/** The templates by name, and which one a tokenizer's special tokens point to. */
import { CongError, pick } from "../../support/index.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { ChatTemplate } from "./template.ts";
import { chatglm6b } from "./templates/chatglm-6b.ts";
import { chatglm2 } from "./templates/chatglm2.ts";
import { chatglm3 } from "./templates/chatglm3.ts";
import { glm45, glm47 } from "./templates/glm-4.5.ts";
import { glm4 } from "./templates/glm-4.ts";
import { glm40414, glmZ1 } from "./templates/glm-4-0414.ts";

export const chatTemplates = {
  "chatglm-6b": chatglm6b,
  chatglm2,
  chatglm3,
  "glm-4": glm4,
  "glm-4-0414": glm40414,
  "glm-z1": glmZ1,
  "glm-4.5": glm45,
  "glm-4.6": glm45,
  "glm-4.7": glm47,
} satisfies Readonly<Record<string, ChatTemplate>>;

export type GenerationName = keyof typeof chatTemplates;

export function chatTemplate(name: string): ChatTemplate {
  return pick<ChatTemplate>("chat template", chatTemplates, name);
}

/**
 * The generation that a tokenizer belongs to, from its special tokens. GLM-4-0414 and GLM-Z1 share GLM-4's tokenizer:
 * they must be named.
 *
 * @throws CongError `UNKNOWN_CHAT_TEMPLATE` when the tokens are of no GLM generation
 */
export function detectGeneration(tokenizer: Tokenizer): ChatTemplate {
  const has = (token: string) => tokenizer.specialTokens.has(token);
  if (has("<|assistant|>") && has("<sop>")) return has("<tool_call>") || has("/nothink") ? glm45 : glm4;
  if (has("<|assistant|>") && has("sop")) return chatglm3;
  if (has("[gMASK]") && has("sop")) return chatglm2;
  if (has("[gMASK]") && has("<sop>") && has("<eop>")) return chatglm6b;
  throw new CongError(
    "UNKNOWN_CHAT_TEMPLATE",
    "this tokenizer's special tokens belong to no known chat format",
    { specialTokens: [...tokenizer.specialTokens.keys()].slice(0, 40) },
    `pass template: the model's chat_template text, or one of ${Object.keys(chatTemplates).join(", ")}`,
  );
}
