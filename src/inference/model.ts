/**
 * A model from a folder, ready to use: the public interface of this room, kept stable.
 *
 * Weights are read once; programs are compiled when first needed and share them (see `session/program-pool.ts`).
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { onnxruntimeBackend } from "../engine/backends/onnxruntime/index.ts";
import type { Backend } from "../engine/index.ts";
import { readJsonObject, type SaveOptions, saveCheckpoint } from "../models/checkpoint/index.ts";
import { type JsonObject, loadModelParameters, type ModelConfig } from "../models/index.ts";
import { checkInteger, checkOneOf } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import { checkConfigIds, checkTokenizer, unusedIds } from "./check-parts.ts";
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
import { quantizeLeaf, spreadQuantized, type WeightType, weightTypes } from "./quantize-parameters.ts";
import type { Network, Prefix } from "./session/network.ts";
import { ProgramPool } from "./session/program-pool.ts";
import { createSession } from "./session/session.ts";

export interface LoadModelOptions {
  /** How weights are held. int8 and int4 are quantised while loading. Default "float32". */
  readonly dtype?: WeightType | undefined;
  /** Threads of the CPU backend. Default: physical cores available to this process. */
  readonly threads?: number | undefined;
  /** Needed for text in and out; without it the model takes and gives ids. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Learned keys and values before every text. */
  readonly prefix?: Prefix | undefined;
  /** Where to compute. Default: onnxruntime on the CPU. */
  readonly backend?: Backend | undefined;
}

/** What a request is about: ids (one list or several), or text. */
export interface PromptRequest {
  readonly inputIds?: readonly number[] | readonly (readonly number[])[] | undefined;
  /** Text, encoded with the special tokens that the model expects around it. */
  readonly prompt?: string | readonly string[] | undefined;
}

export interface GenerateRequest extends PromptRequest, GenerationOptions, BeamSettings {}

export interface StreamRequest extends PromptRequest, GenerationOptions {}

/** A loaded model. */
export interface Model {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer | undefined;
  readonly dtype: WeightType;
  /** Tokens that end an answer: those of generation_config.json, else of config.json. */
  readonly endIds: readonly number[];
  /** Logits [B, T, V] of whole texts. */
  forward(request: ForwardRequest): Promise<{ readonly logits: Logits }>;
  /** One answer for each prompt. */
  generate(request: GenerateRequest): Promise<Answer[]>;
  /** The answer to one prompt, token by token. */
  stream(request: StreamRequest): AsyncGenerator<StreamPart, void, undefined>;
  /** Writes a Hugging Face folder, all or nothing. Not for quantised models. */
  save(folder: string, options?: SaveOptions): Promise<void>;
  /** Frees memory and threads. Further calls throw; may be called twice. */
  dispose(): Promise<void>;
}

/**
 * Loads a model folder as Hugging Face tools save it.
 * @throws CongError that names what is missing, damaged or does not fit; then nothing stays loaded
 */
export async function loadModel(folder: string, options: LoadModelOptions = {}): Promise<Model> {
  const { dtype = "float32", threads, tokenizer, prefix } = options;
  checkOneOf("loadModel", { dtype }, weightTypes);
  if (threads !== undefined) checkInteger("loadModel", { threads }, { min: 1 });
  const loaded = await loadModelParameters(folder, quantizeLeaf(dtype));
  const { family, config } = loaded;
  const generation = await readGenerationConfig(folder);
  const endIds = idsOf(generation?.eos_token_id) ?? config.endIds;
  checkConfigIds(config, endIds);
  if (tokenizer !== undefined) checkTokenizer(config, tokenizer);
  const backend = options.backend ?? onnxruntimeBackend(threads === undefined ? {} : { threads });
  const parameters = spreadQuantized(loaded.parameters);
  return createModel({ family, config, parameters, prefix, backend }, { dtype, tokenizer, endIds, folder, generation });
}

interface ModelParts {
  readonly dtype: WeightType;
  readonly tokenizer?: Tokenizer | undefined;
  readonly endIds: readonly number[];
  /** Where the tokenizer's files are, for `save`. */
  readonly folder?: string | undefined;
  readonly generation?: JsonObject | undefined;
}

/** A model from parts in memory: what a training run has, or a test. */
export function createModel(network: Network, parts: ModelParts): Model {
  const { family, config } = network;
  const { dtype, tokenizer, endIds } = parts;
  const pool = new ProgramPool(network);
  const generator: Generator = {
    session(rows, expected) {
      if (family.mask !== "full") return createSession(pool, { rows, expected: Math.min(expected, mostExpected) });
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
    generate: async (request) => {
      const { inputIds: _, prompt: __, ...options } = request;
      return generateAnswers(generator, promptsOf(request, tokenizer), options);
    },
    async *stream(request) {
      const { inputIds: _, prompt: __, ...options } = request;
      const prompts = promptsOf(request, tokenizer);
      if (prompts.length !== 1) throw tooMany(prompts.length);
      yield* streamAnswer(generator, prompts[0]!, options);
    },
    async save(folder, options = {}) {
      if (dtype !== "float32") throw quantized(dtype);
      const { generation, folder: tokenizerFrom } = parts;
      const model = { config: family.writeConfig(config), parameters: network.parameters };
      await saveCheckpoint(folder, { generation, tokenizerFrom, ...options, ...model });
    },
    dispose: () => pool.dispose(),
  };
}

/** Capacity made at once for an answer; a longer one moves to a larger cache on the way. */
const mostExpected = 512;

function promptsOf({ inputIds, prompt }: PromptRequest, tokenizer: Tokenizer | undefined): (readonly number[])[] {
  if ((inputIds === undefined) === (prompt === undefined)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `generate: ${inputIds === undefined ? "neither inputIds nor prompt" : "both inputIds and prompt"} given`,
      {},
      "pass one of them",
    );
  }
  if (inputIds !== undefined) {
    return typeof inputIds[0] === "number" ? [inputIds as readonly number[]] : [...(inputIds as readonly number[][])];
  }
  if (tokenizer === undefined) {
    throw new CongError(
      "NO_TOKENIZER",
      "generate: the prompt is text, but this model was loaded without a tokenizer",
      {},
      "pass `tokenizer` to loadModel, or give inputIds",
    );
  }
  return (typeof prompt === "string" ? [prompt] : prompt!).map((text) => tokenizer.encode(text));
}

async function readGenerationConfig(folder: string): Promise<JsonObject | undefined> {
  const path = join(folder, "generation_config.json");
  const info = await stat(path).catch(() => undefined);
  return info === undefined ? undefined : readJsonObject(path);
}

function idsOf(value: JsonObject[string] | undefined): number[] | undefined {
  const ids = (Array.isArray(value) ? value : [value]).filter((id) => Number.isSafeInteger(id) && Number(id) >= 0);
  return ids.length === 0 ? undefined : (ids as number[]);
}

const tooMany = (count: number): CongError =>
  new CongError(
    "BAD_ARGUMENT",
    `stream: ${count} prompts`,
    { count },
    "stream one prompt, or use generate for several",
  );

const quantized = (dtype: WeightType): CongError =>
  new CongError(
    "QUANTIZED",
    `save: this model was loaded as ${dtype}, and Hugging Face folders hold full-precision weights`,
    { dtype },
    "load it again with dtype float32 to save it, or export it as GGUF, which has 4- and 8-bit types",
  );
