/**
 * Adapters: small trained additions to a frozen model. LoRA corrects weights (Hu et al. 2022); a prefix is learned keys
 * and values before all tokens (prefix tuning, Li and Liang 2021; P-Tuning v2, Liu et al. 2022); a prompt is learned
 * embeddings before the text (prompt tuning, Lester et al. 2021).
 */
import type { HostTensor } from "../engine/index.ts";
import type { Linear } from "../nn/index.ts";

export type AdapterJson = Readonly<Record<string, unknown>>;

/** Which linear layers are adapted, and how much: the settings of PEFT's LoraConfig that are honoured. */
export interface LoraConfig {
  /** r */
  readonly rank: number;
  /** α; a layer's correction is scaled by α/r. */
  readonly alpha: number;
  /** Scale by α/√r instead (rank-stabilised LoRA, Kalajdzievski 2023). */
  readonly rankStabilized: boolean;
  /** Ends of module names, or a regular expression for whole names; "all-linear" is every layer but the output. */
  readonly targetModules: readonly string[] | string;
  /** The same for modules to leave out. */
  readonly excludeModules: readonly string[] | string;
  /** Only these layers; undefined: all. Needs a list of targets. */
  readonly layers: readonly number[] | undefined;
  /** Names of the list that layers are numbered in; empty: the last numbered one of a name. */
  readonly layersPattern: readonly string[];
  /** Regular expressions for ends of module names, and their own r. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** The same for α. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** On the input of A while training; kept for the trainer. */
  readonly dropout: number;
}

/** The correction of one linear layer, float32. */
export interface LoraModule {
  /** [r, in] */
  readonly a: HostTensor;
  /** [out, r] */
  readonly b: HostTensor;
  readonly scale: number;
}

export interface LoraAdapter {
  readonly kind: "lora";
  /** Folder or name of the model that it was made for, where the file says. */
  readonly base: string | undefined;
  readonly config: LoraConfig;
  /** By the name of the linear layer: `model.layers.0.self_attn.q_proj`. */
  readonly modules: ReadonlyMap<string, LoraModule>;
}

/** P prefix positions, L layers, G key/value heads, D head size. */
export interface PrefixShape {
  readonly length: number;
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/** Trained parameters, on the host or in a graph. */
export type PrefixParameters<Leaf> = {
  /** [P, 2·L·G·D]: in a row, layer after layer its key, then its value. With a projection [P, E]. */
  readonly embedding: { readonly weight: Leaf };
  /** E → hidden, tanh, hidden → 2·L·G·D (PEFT's `transform`, THUDM's `trans`). */
  readonly transform?: { readonly "0": Linear<Leaf>; readonly "2": Linear<Leaf> };
};

export interface PrefixAdapter {
  readonly kind: "prefix";
  readonly base: string | undefined;
  /** PEFT counts the prefix: the first token stands at position P. In THUDM's P-Tuning v2 it stands at 0. */
  readonly occupiesPositions: boolean;
  readonly shape: PrefixShape;
  readonly parameters: PrefixParameters<HostTensor>;
  /** `config.json` of a P-Tuning v2 folder: that of its base with `pre_seq_len` and `prefix_projection`. */
  readonly modelConfig: AdapterJson | undefined;
}

export interface PromptAdapter {
  readonly kind: "prompt";
  readonly base: string | undefined;
  /** Of the model that it was made for. */
  readonly layers: number;
  readonly heads: number;
  /** float32 [P, C]: what stands before the embeddings of the text. It takes the first P positions. */
  readonly embeddings: HostTensor;
}

export type Adapter = LoraAdapter | PrefixAdapter | PromptAdapter;
