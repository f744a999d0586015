/**
 * A model ready to use: the public interface of this room, kept stable.
 *
 * Programs are compiled when first needed and share the weights (see `session/program-pool.ts`).
 */

import { type SaveOptions, saveCheckpoint } from "../models/checkpoint/index.ts";
import type { JsonObject, ModelConfig } from "../models/index.ts";
import { CongError } from "../support/errors.ts";
import { unusedIds } from "./check-parts.ts";
import type { Logits } from "./decoding-session.ts";
import { type ForwardRequest, forward } from "./forward.ts";
import {
  type Answer,
  type BeamSettings,
  type GenerationOptions,
  type Generator,
  generateAnswers,
  type StreamPart,
  streamAnswer,
} from "./generate.ts";
import { endIdsOf, type ModelTokenizer, type PromptRequest, promptsOf, withoutPrompt } from "./prompts.ts";
import type { WeightType } from "./quantize-parameters.ts";
import type { Network } from "./session/network.ts";
import { ProgramPool } from "./session/program-pool.ts";
import { createSession } from "./session/session.ts";

export interface GenerateRequest extends PromptRequest, GenerationOptions, BeamSettings {}

export interface StreamRequest extends PromptRequest, GenerationOptions {}

/** A loaded model. */
export interface Model {
  readonly config: ModelConfig;
  readonly tokenizer: ModelTokenizer | undefined;
  readonly dtype: WeightType;
  /** Tokens that end an answer: those of generation_config.json, else of config.json. */
  readonly endIds: readonly number[];
  /** Logits [B, T, V] of whole texts. */
  forward(request: ForwardRequest): Promise<{ readonly logits: Logits }>;
  /** One answer for each prompt. */
  generate(request: GenerateRequest): Promise<Answer[]>;
  /** The answer to one prompt, token by token. */
  stream(request: StreamRequest): AsyncGenerator<StreamPart, void, undefined>;
  /** Writes a Hugging Face folder, all or nothing. Not for quantised models or those with an adapter. */
  save(folder: string, options?: SaveOptions): Promise<void>;
  /** Frees memory and threads. Further calls throw; may be called twice. */
  dispose(): Promise<void>;
}

export interface ModelParts {
  readonly dtype: WeightType;
  readonly tokenizer?: ModelTokenizer | undefined;
  readonly endIds: readonly number[];
  /** Content of generation_config.json, for `save`. */
  readonly generation?: JsonObject | undefined;
  /** Where the tokenizer's files are, for `save`. */
  readonly tokenizerFolder?: string | undefined;
  /** An adapter is part of it. Default false. */
  readonly adapted?: boolean | undefined;
}

/** A model from parts in memory: what a training run has, or a test. */
export function createModel(network: Network, parts: ModelParts): Model {
  const { family, config } = network;
  const { dtype, tokenizer, endIds } = parts;
  const pool = new ProgramPool(network);
  const settings = <R extends PromptRequest & GenerationOptions>(request: R) => ({
    ...withoutPrompt(request),
    endIds: request.endIds ?? endIdsOf(request, tokenizer, endIds),
  });
  const generator: Generator = {
    session(needs) {
      const expected = Math.min(needs.expected, mostExpected);
      if (family.mask !== "full") return createSession(pool, { ...needs, expected });
      throw new CongError(
        "CANNOT_GENERATE",
        `generate: ${config.family} reads texts and does not continue them`,
        { family: config.family },
        "use forward(), or a model that was trained to write",
      );
    },
    tokenizer,
    vocabulary: config.vocabulary,
    limit: config.contextLength,
    endIds,
    padId: config.padId,
    unusedIds: unusedIds(config, tokenizer),
  };
  return {
    config,
    tokenizer,
    dtype,
    endIds,
    forward: async (request) => ({ logits: await forward(pool, request) }),
    generate: async (request) => generateAnswers(generator, promptsOf(request, tokenizer), settings(request)),
    async *stream(request) {
      const prompts = promptsOf(request, tokenizer);
      if (prompts.length !== 1) throw tooMany(prompts.length);
      yield* streamAnswer(generator, prompts[0]!, settings(request));
    },
    async save(folder, options = {}) {
      checkSavable(parts);
      const { generation, tokenizerFolder: tokenizerFrom } = parts;
      const model = { config: family.writeConfig(config), parameters: network.parameters };
      await saveCheckpoint(folder, { generation, tokenizerFrom, ...options, ...model });
    },
    dispose: () => pool.dispose(),
  };
}

/** Capacity made at once for an answer; a longer one moves to a larger cache on the way. */
const mostExpected = 512;

const tooMany = (count: number): CongError =>
  new CongError(
    "BAD_ARGUMENT",
    `stream: ${count} prompts`,
    { count },
    "stream one prompt, or use generate for several",
  );

function checkSavable({ dtype, adapted }: ModelParts): void {
  if (dtype !== "float32") {
    throw new CongError(
      "QUANTIZED",
      `save: this model was loaded as ${dtype}, and Hugging Face folders hold full-precision weights`,
      { dtype },
      "load it again with dtype float32 to save it, or export it as GGUF, which has 4- and 8-bit types",
    );
  }
  if (adapted !== true) return;
  throw new CongError(
    "ADAPTED",
    "save: this model carries an adapter, which is a folder of its own",
    {},
    "save the adapter with saveAdapter, or merge it into the weights with mergeLora",
  );
}
