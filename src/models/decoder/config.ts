/**
 * One configuration for the decoders that share a shape: ChatGLM2/3 and GLM-4 (`glm`), GLM-4-0414 (`glm4`), GLM-4.5
 * (`glm4_moe`), Llama, Qwen2 and Qwen3. A family is a choice of these settings.
 */
import type { ActivationName } from "../../nn/index.ts";
import type { ModelConfig } from "../family.ts";
import type { RopeScaling } from "./rope.ts";

export interface DecoderModelConfig extends ModelConfig {
  /** Channels F inside the feed-forward layers. */
  readonly feedForward: number;
  readonly activation: ActivationName;
  /** ε of all RMS norms. */
  readonly normEpsilon: number;
  readonly rope: RopeConfig;
  /** Biases on query, key and value. */
  readonly queryKeyValueBias: boolean;
  /** Bias on the attention's output. */
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** RMS norms over each query and key head before the rotation. */
  readonly queryKeyNorm: boolean;
  /** Norms after attention and feed-forward as well as before (GLM-4-0414). */
  readonly sandwichNorms: boolean;
  /** Gate and up projection stored as one weight `gate_up_proj`, the gate first (GLM). */
  readonly fusedGateUp: boolean;
  /** Output layer shares the embedding's weight. */
  readonly tiedEmbedding: boolean;
  readonly mixture?: MixtureConfig | undefined;
  /** Standard deviation of fresh weights. */
  readonly initializerRange: number;
}

export interface RopeConfig {
  readonly base: number;
  /** Rotating channels R of a head; the others stay. */
  readonly channels: number;
  /** Neighbouring channels form a pair; otherwise channel i and i + R/2. */
  readonly interleaved: boolean;
  readonly scaling?: RopeScaling | undefined;
}

/** Mixture-of-experts layers, from layer `firstDense` on. */
export interface MixtureConfig {
  readonly experts: number;
  readonly activeExperts: number;
  /** Channels inside one expert. */
  readonly feedForward: number;
  /** Shared experts, made as one feed-forward layer of this many times the width. */
  readonly sharedExperts: number;
  readonly firstDense: number;
  readonly normalizes: boolean;
  readonly scale: number;
  readonly groups: number;
  readonly activeGroups: number;
  /** Layers for predicting further tokens that the checkpoint may hold after the others; not used. */
  readonly nextTokenLayers: number;
}

/** Whether layer i is a mixture. */
export const isMixtureLayer = ({ mixture }: DecoderModelConfig, i: number): boolean =>
  mixture !== undefined && i >= mixture.firstDense;
