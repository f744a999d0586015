/** ChatGLM-6B (THUDM 2023). Its tensors keep the names of the release; there is no Hugging Face form of it. */
import type { Tensor } from "../../engine/index.ts";
import { linear } from "../../nn/index.ts";
import { blankLayout } from "../blank-layout.ts";
import type { ModelFamily } from "../family.ts";
import { type ChatGlm6bConfig, readChatGlm6bConfig, writeChatGlm6bConfig } from "./config.ts";
import { type ChatGlm6bParameters, chatGlm6bForward, chatGlm6bParameters } from "./forward.ts";

export type { ChatGlm6bConfig } from "./config.ts";

export const chatGlm6b: ModelFamily<ChatGlm6bConfig> = {
  name: "chatglm_6b",
  modelTypes: ["chatglm"],
  mask: "prefix",
  parseConfig: readChatGlm6bConfig,
  writeConfig: writeChatGlm6bConfig,
  parameters: chatGlm6bParameters,
  layout: ({ startId, gmaskId, maskId }, ids) =>
    blankLayout(ids, { startId, maskIds: [gmaskId, maskId], oneKind: true }),
  forward: (config, parameters, inputs) => chatGlm6bForward(config, parameters as ChatGlm6bParameters<Tensor>, inputs),
  logits: (_, parameters, hidden) => linear((parameters as ChatGlm6bParameters<Tensor>).lm_head, hidden),
};
